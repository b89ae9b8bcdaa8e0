"""Paints open water: colour, swell, wind patches, slicks, glint and whitecaps."""

import math

import cv2
import numpy as np

from pipeline.demo.textures import Canvas, Colour, Shape, fractal_noise, lay_over, smoothstep, vary, waves

# Typical water colours of high-resolution optical pictures, with how often each is drawn. Chosen by eye so
# that most tiles are dark (mean luma 25-50) with a tail of bright turbid water.
_WATERS: tuple[tuple[float, Colour], ...] = (
    (0.15, (3, 22, 58)),  # navy
    (0.17, (5, 40, 72)),  # deep blue
    (0.12, (15, 54, 82)),  # blue
    (0.14, (3, 31, 33)),  # dark green
    (0.10, (9, 64, 54)),  # green
    (0.07, (4, 14, 17)),  # nearly black
    (0.10, (38, 44, 56)),  # slate
    (0.08, (30, 47, 38)),  # olive
    (0.04, (96, 128, 114)),  # turbid, silt
    (0.03, (84, 112, 122)),  # pale
)
_WHITECAP: Colour = (205, 214, 214)


def paint_sea(rng: np.random.Generator, shape: Shape) -> Canvas:
    """Paint water over a whole new canvas of the given (height, width) in px."""
    weights = np.array([weight for weight, _ in _WATERS])
    water = vary(rng, _WATERS[rng.choice(len(_WATERS), p=weights / weights.sum())][1], 0.18)
    patches = fractal_noise(rng, shape, max(shape) / 3, 40)
    light = 1 + rng.uniform(0.01, 0.06) * patches + _glint_slope(rng, shape)
    wind_rad = rng.uniform(0, math.pi)
    # Most pictures are nearly calm at this scale, some show every crest.
    roughness = float(rng.choice([0.02, 0.05, 0.11, 0.24], p=[0.36, 0.3, 0.2, 0.14]))
    sea = _sea_surface(rng, shape, wind_rad)
    damping = 1 + 0.25 * np.roll(patches, shape[0] // 2, axis=0)
    if rng.random() < 0.3:
        damping *= 1 - 0.85 * _slicks(rng, shape)
    # The exponent makes crests sharp and bright and troughs wide and dark.
    light *= np.exp(np.clip(roughness * damping * sea, -1.2, 1.2))
    # Bright facets mirror the sky, which is grey, not the colour of the water.
    mirrored = np.maximum(light - 1, 0) * 22
    # Depth and suspended matter make the hue drift over the scene.
    drift = smoothstep(-1.5, 1.5, fractal_noise(rng, shape, max(shape) / 2, 80))
    other = np.asarray(vary(rng, water, 0.25)) + rng.uniform(-3, 3, 3)
    canvas: Canvas = cv2.merge(
        [
            light * np.float32(here) + mirrored + drift * np.float32(there - here)
            for here, there in zip(water, other, strict=True)
        ]
    )
    if roughness > 0.1 or rng.random() < 0.2:
        _whitecaps(rng, canvas, wind_rad)
    return canvas


def _sea_surface(rng: np.random.Generator, shape: Shape, wind_rad: float) -> np.ndarray:
    """Swell plus a shorter wind sea at an angle to it; mean 0, standard deviation about 1."""
    swell = waves(rng, shape, rng.uniform(10, 26), wind_rad + rng.normal(0, 0.3), rng.uniform(0.15, 0.4))
    chop = waves(rng, shape, rng.uniform(4, 7), wind_rad, rng.uniform(0.4, 0.8))
    swell_share = rng.uniform(0.4, 0.9)
    return np.asarray(swell_share * swell + (1 - swell_share) * chop, np.float32)


def _glint_slope(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Brightening to one side, from the sun being mirrored there; at most +-0.15."""
    along_y, along_x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    angle_rad = rng.uniform(0, 2 * math.pi)
    slope = math.cos(angle_rad) * along_x[None, :] + math.sin(angle_rad) * along_y[:, None]
    return np.asarray(rng.uniform(0, 0.1) * slope, np.float32)


def _slicks(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Long thin bands (0-1) where a film of oil or algae smooths the waves."""
    ridges = np.abs(fractal_noise(rng, shape, max(shape) / 2, 12, persistence=0.42))
    return 1 - smoothstep(0.02, 0.09, ridges)


def _whitecaps(rng: np.random.Generator, canvas: Canvas, wind_rad: float) -> None:
    """Small bright breakers: the smallest look-alikes of boats."""
    height, width = canvas.shape[:2]
    # An image of the foam alone, blurred a little, so that breakers have soft edges.
    foam = np.zeros((height, width), np.float32)
    for _ in range(rng.poisson(height * width / rng.uniform(8_000, 80_000))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        axes = (rng.uniform(0.8, 3.2), rng.uniform(0.4, 0.9))
        angle_deg = math.degrees(wind_rad) + 90 + rng.normal(0, 20)
        cv2.ellipse(foam, ((x, y), (2 * axes[0], 2 * axes[1]), angle_deg), rng.uniform(0.2, 0.9), -1)
    lay_over(canvas, _WHITECAP, cv2.GaussianBlur(foam, (0, 0), 0.7))
