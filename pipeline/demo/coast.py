"""Paints a natural coast with shallows, surf, beaches, fields and villages, and islets and rocks at sea."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.ground import FIELDS, ROOFS, Grid, paint_grid, paint_wild
from pipeline.demo.textures import Canvas, Colour, Shape, Texture, fractal_noise, lay_over, smoothstep, vary

_SAND: tuple[Colour, ...] = ((190, 172, 134), (164, 148, 120), (128, 120, 108))
_ROCK: Colour = (104, 98, 90)
_SURF: Colour = (214, 220, 216)


def paint_coast(rng: np.random.Generator, canvas: Canvas, sun: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Paint land over one side of the scene, at times islets before it; returns the land [height, width]."""
    shape = (canvas.shape[0], canvas.shape[1])
    inland = _mainland(rng, shape)
    if rng.random() < 0.5:
        inland = np.maximum(inland, _islets(rng, shape, int(rng.integers(1, 5))))
    return _paint_land(rng, canvas, inland, sun)


def paint_islets(rng: np.random.Generator, canvas: Canvas, sun: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Paint a few rocks and islets into open water; returns the land [height, width]."""
    shape = (canvas.shape[0], canvas.shape[1])
    return _paint_land(rng, canvas, _islets(rng, shape, int(rng.integers(2, 7))), sun)


def _mainland(rng: np.random.Generator, shape: Shape) -> Texture:
    """Roughly how far inland each pixel lies, in px; negative at sea."""
    height, width = shape
    angle_rad = rng.uniform(0, 2 * math.pi)
    y = np.arange(height, dtype=np.float32)[:, None] - height / 2
    x = np.arange(width, dtype=np.float32)[None, :] - width / 2
    across = x * math.cos(angle_rad) + y * math.sin(angle_rad)
    # The land takes up to a quarter of the scene: tiles must show mostly water.
    offset = rng.uniform(0.2, 0.38) * min(shape)
    return (
        across - offset + fractal_noise(rng, shape, min(shape) / 3, 4) * rng.uniform(0.04, 0.11) * min(shape)
    )


def _islets(rng: np.random.Generator, shape: Shape, count: int) -> Texture:
    height, width = shape
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    ragged = fractal_noise(rng, shape, 60, 3, persistence=0.55)
    inland = np.full(shape, -1e4, np.float32)
    for _ in range(count):
        radius_px = math.exp(rng.uniform(math.log(3), math.log(70)))
        centre_x, centre_y = rng.uniform(0, width), rng.uniform(0, height)
        stretch = rng.uniform(1, 2)
        away = np.hypot((x - centre_x) / stretch, y - centre_y)
        inland = np.maximum(inland, radius_px - away + 0.35 * radius_px * ragged)
    return inland


def _paint_land(
    rng: np.random.Generator, canvas: Canvas, inland: Texture, sun: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    land = np.asarray(inland > 0)
    if not land.any():
        return land
    to_land_px = cv2.distanceTransform((~land).astype(np.uint8), cv2.DIST_L2, 3)
    to_water_px = cv2.distanceTransform(land.astype(np.uint8), cv2.DIST_L2, 3)
    shape = (land.shape[0], land.shape[1])
    patches = fractal_noise(rng, shape, 90, 6)
    _paint_shallows(rng, canvas, to_land_px, patches)
    paint_wild(rng, canvas, land)
    angle_rad = rng.uniform(0, math.pi)
    settled = land & (to_water_px > 14)
    if rng.random() < 0.7:
        paint_grid(
            rng, canvas, settled & (to_water_px > 40) & (patches > 0.1),
            Grid((rng.uniform(60, 130), rng.uniform(40, 80)), 3, 0.9, 0, FIELDS),
            angle_rad=angle_rad, sun=sun,
        )  # fmt: skip
    if rng.random() < 0.8:
        paint_grid(
            rng, canvas, settled & (patches < -0.3),
            Grid((rng.uniform(13, 20), rng.uniform(11, 16)), rng.uniform(4, 7), 0.65, 4, ROOFS),
            angle_rad=angle_rad, sun=sun,
        )  # fmt: skip
    _paint_shore(rng, canvas, to_water_px, to_land_px, patches)
    return land


def _paint_shallows(rng: np.random.Generator, canvas: Canvas, to_land_px: Texture, patches: Texture) -> None:
    """Lighter, greener water where the bottom shines through."""
    reach_px = rng.uniform(15, 90)
    clear = rng.uniform(0.25, 0.75) * np.exp(-to_land_px / (reach_px * np.exp(0.4 * patches)))
    water = canvas.mean((0, 1))
    lay_over(canvas, np.minimum(water * 1.5 + (22, 40, 32), 190), np.asarray(clear, np.float32))


def _paint_shore(
    rng: np.random.Generator, canvas: Canvas, to_water_px: Texture, to_land_px: Texture, patches: Texture
) -> None:
    """A strip of sand or rock on land, and broken surf along it."""
    sand = vary(rng, _SAND[rng.integers(len(_SAND))] if rng.random() < 0.7 else _ROCK, 0.12)
    strip_px = rng.uniform(3, 16) * np.exp(0.7 * patches)
    grain = 1 + 0.07 * rng.standard_normal(patches.shape, dtype=np.float32)
    strip = smoothstep(0, 1, strip_px - to_water_px) * (to_water_px > 0)
    lay_over(canvas, np.asarray(sand, np.float32) * grain[..., None], np.asarray(strip, np.float32))
    broken = fractal_noise(rng, (patches.shape[0], patches.shape[1]), 24, 2, persistence=0.7)
    surf_px = rng.uniform(0.8, 4)
    surf = np.exp(-((to_land_px / surf_px) ** 2)) * (to_land_px > 0) * smoothstep(-0.6, 0.9, broken)
    lay_over(canvas, _SURF, np.asarray(0.85 * surf, np.float32))
