"""Random textures that the scenes are painted with, and how a colour is laid over a canvas.

A canvas is float32 RGB [height, width, 3] in 0-255, painted in place. Textures are float32 [height, width].
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.float32]
Texture = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Shape = tuple[int, int]
_BAND_PX = 64


def fractal_noise(
    rng: np.random.Generator, shape: Shape, coarsest_px: float, finest_px: float, persistence: float = 0.5
) -> Texture:
    """Cloud-like noise [height, width] of mean 0 and standard deviation 1, without a preferred direction.

    It is a sum over a spectrum that falls as a power of the frequency, the same in all directions: noise
    interpolated from grids is cheaper but shows their squares.

    Args:
        rng: source of randomness.
        shape: (height, width) in px.
        coarsest_px: size of the largest features.
        finest_px: size of the smallest features (>= 1).
        persistence: strength of features relative to those twice their size (0-1).
    """
    # Fine detail that is not wanted need not be computed.
    step_px = max(1.0, finest_px / 2)
    rows, columns = (cv2.getOptimalDFTSize(math.ceil(side / step_px)) for side in shape)
    frequency = _frequencies(rows, columns)[2] * np.float32(2 * coarsest_px / step_px)
    amplitude = frequency ** np.float32(math.log2(persistence) - 1) * (1 - np.exp(-(frequency**4)))
    noise = _synthesize(rng, amplitude, (rows, columns))
    return _at_full_size((noise - noise.mean()) / max(float(noise.std()), 1e-6), shape, step_px)


def waves(
    rng: np.random.Generator, shape: Shape, wavelength_px: float, heading_rad: float, spread_rad: float
) -> Texture:
    """Wave field [height, width] of mean 0 and standard deviation 1, as a sum over a directional spectrum.

    The spectrum is a Gaussian in log frequency and in direction, a plain stand-in for JONSWAP, which is all
    that can be told apart at metres per pixel.

    Args:
        rng: source of randomness.
        shape: (height, width) in px.
        wavelength_px: dominant wavelength.
        heading_rad: direction in which the waves travel.
        spread_rad: standard deviation of the direction; small is swell, large is wind sea.
    """
    # Long waves need no full resolution.
    step_px = max(1.0, wavelength_px / 8)
    # Lengths with small prime factors only, or the FFT takes many times longer.
    rows, columns = (cv2.getOptimalDFTSize(math.ceil(side / step_px)) for side in shape)
    along_y, along_x, frequency = _frequencies(rows, columns)
    octaves_off = np.log2(frequency * np.float32(wavelength_px / step_px)) / np.float32(0.45)
    # Waves and their opposite direction have the same spectrum in a still picture.
    forward = along_x * np.float32(math.cos(heading_rad)) + along_y * np.float32(math.sin(heading_rad))
    aside = along_y * np.float32(math.cos(heading_rad)) - along_x * np.float32(math.sin(heading_rad))
    off_heading = np.arctan2(np.abs(aside), np.abs(forward)) / np.float32(spread_rad)
    amplitude = np.exp(-(octaves_off**2 + off_heading**2) / 4) / frequency
    field = _synthesize(rng, amplitude, (rows, columns))
    return _at_full_size(field / field.std(), shape, step_px)


def _frequencies(rows: int, columns: int) -> tuple[Texture, Texture, Texture]:
    """Cycles per px down, to the right, and in all, of the half spectrum that `_synthesize` takes."""
    along_y = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    along_x = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    return along_y, along_x, np.maximum(np.hypot(along_x, along_y), np.float32(1e-6))


def _synthesize(rng: np.random.Generator, amplitude: Texture, shape: Shape) -> Texture:
    """Random field of the given shape whose half spectrum has these amplitudes."""
    amplitude[0, 0] = 0
    # Random phases out of 256, a byte each: drawing them exactly would take longer than the transform.
    turns = np.exp(np.linspace(0, 2j * math.pi, 256, endpoint=False)).astype(np.complex64)
    phases = np.frombuffer(rng.bytes(amplitude.size), np.uint8).reshape(amplitude.shape)
    return np.fft.irfft2(amplitude * turns[phases], s=shape).astype(np.float32)


def _at_full_size(field: Texture, shape: Shape, step_px: float) -> Texture:
    """The field, sampled every `step_px`, interpolated to `shape` or just cut to it."""
    cut = field[: math.ceil(shape[0] / step_px), : math.ceil(shape[1] / step_px)]
    return cut if cut.shape == shape else cv2.resize(cut, shape[::-1], interpolation=cv2.INTER_CUBIC)


def smoothstep(low: float, high: float, texture: Texture) -> Texture:
    """0 below `low`, 1 above `high`, smooth between."""
    position = np.clip((texture - low) / (high - low), 0, 1)
    return np.asarray(position * position * (3 - 2 * position), np.float32)


def lay_over(canvas: Canvas, colour: npt.ArrayLike, opacity: Texture) -> None:
    """Mix a colour (or a canvas of the same size) into the canvas, with opacity 0-1 [height, width]."""
    colour = np.broadcast_to(np.asarray(colour, np.float32), canvas.shape)
    # In bands, so that what is in between stays in the processor's cache, and bands without any are free.
    for top in range(0, canvas.shape[0], _BAND_PX):
        rows = slice(top, top + _BAND_PX)
        if opacity[rows].any():
            canvas[rows] += (colour[rows] - canvas[rows]) * opacity[rows, :, None]


def vary(rng: np.random.Generator, colour: Colour, share: float) -> Colour:
    """A colour near the given one: brightness off by up to `share`, each channel by up to a third of that."""
    factors = rng.uniform(1 - share, 1 + share) * rng.uniform(1 - share / 3, 1 + share / 3, 3)
    red, green, blue = (np.asarray(colour) * factors).clip(0, 255).tolist()
    return red, green, blue
