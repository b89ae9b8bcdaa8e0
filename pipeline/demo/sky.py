"""What lies between the sea and the picture: clouds, haze, and the optics of the satellite's camera."""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.textures import Canvas, Shape, Texture, fractal_noise, lay_over, smoothstep

_CLOUD = (232, 235, 238)
_HAZE = (150, 164, 170)


def cloud_opacity(rng: np.random.Generator, shape: Shape, share: float) -> Texture:
    """Opacity (0-0.97) of broken clouds [height, width] that cover about `share` (0-1) of the scene."""
    billows = fractal_noise(rng, shape, min(shape) / 2.5, 2.5, persistence=0.58)
    edge = float(np.quantile(billows[::8, ::8], 1 - share))
    return 0.97 * smoothstep(edge - 0.25, edge + 0.9, billows)


def paint_clouds(
    rng: np.random.Generator, canvas: Canvas, opacity: Texture, sun: tuple[float, float]
) -> None:
    """Paint the shadows of the clouds, then the clouds."""
    height, width = opacity.shape
    away_px = rng.uniform(15, 60)
    shift = np.array([[1, 0, sun[0] * away_px], [0, 1, sun[1] * away_px]])
    shadow = cv2.GaussianBlur(
        cv2.warpAffine(opacity, shift, (width, height), borderMode=cv2.BORDER_REFLECT), (0, 0), 3
    )
    canvas *= 1 - 0.35 * shadow[..., None]
    shade = 1 + 0.06 * fractal_noise(rng, (height, width), 60, 4)
    lay_over(canvas, np.asarray(_CLOUD, np.float32) * shade[..., None], opacity)


def paint_haze(rng: np.random.Generator, canvas: Canvas, strength: float) -> None:
    """Veil the scene unevenly; `strength` is the mean opacity (0-1)."""
    drift = fractal_noise(
        rng, (canvas.shape[0], canvas.shape[1]), max(canvas.shape) / 2, 30, persistence=0.45
    )
    lay_over(canvas, _HAZE, np.clip(strength * (1 + 0.25 * drift), 0, 0.9))


def photograph(rng: np.random.Generator, canvas: Canvas) -> npt.NDArray[np.uint8]:
    """The picture as delivered, uint8 RGB [height, width, 3]: blurred by optics, sharpened, grainy."""
    blurred = cv2.GaussianBlur(canvas, (0, 0), 0.6)
    # Vendors sharpen; that draws the dark rim around bright ships seen in the Airbus pictures.
    amount = rng.uniform(0.5, 1.1)
    sharp = cv2.addWeighted(blurred, 1 + amount, cv2.GaussianBlur(blurred, (0, 0), 1.6), -amount, 0)
    noise = rng.standard_normal((canvas.shape[0], canvas.shape[1]), dtype=np.float32)
    grain = np.float32(rng.uniform(2.0, 6.0)) * cv2.GaussianBlur(noise, (0, 0), 0.8)
    noise *= np.float32(rng.uniform(0.3, 1.0))
    # Coloured grain: one field shifted per channel is as good as three, and drawing noise is what costs here.
    channels = [grain + np.roll(noise, 97 * shift, axis=1) for shift in (1, 2, 3)]
    photo: npt.NDArray[np.uint8] = cv2.add(sharp, cv2.merge(channels), dtype=cv2.CV_8U)
    return photo
