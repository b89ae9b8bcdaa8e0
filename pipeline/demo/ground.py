"""What covers the land: soil and plants, and grids of fields, roofs or containers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.demo.textures import Canvas, Colour, fractal_noise, smoothstep, vary

FIELDS: tuple[Colour, ...] = (
    (96, 104, 62), (128, 118, 84), (74, 92, 54), (150, 138, 104), (110, 96, 70), (62, 80, 50),
)  # fmt: skip
ROOFS: tuple[Colour, ...] = (
    (138, 98, 82), (150, 146, 138), (172, 168, 160), (112, 108, 104), (146, 112, 92), 
    (90, 92, 96), (126, 116, 102),
)  # fmt: skip
STACKS: tuple[Colour, ...] = (
    (150, 62, 50), (62, 90, 130), (186, 182, 174), (172, 116, 64), (84, 112, 86), (110, 106, 104),
)  # fmt: skip
_SOILS: tuple[Colour, ...] = ((126, 110, 84), (104, 92, 72), (142, 130, 106), (96, 92, 84))
_PLANTS: tuple[Colour, ...] = ((46, 62, 38), (58, 74, 44), (38, 54, 36), (70, 78, 48))


@dataclass(frozen=True)
class Grid:
    """A grid of equal cells with one coloured rectangle each.

    Attributes:
        cell_px: (length, depth) of a cell, roads included.
        gap_px: free strip between neighbours.
        built: share of the cells that hold something (0-1).
        height_px: how far its shadow reaches.
        colours: what cells are painted with.
    """

    cell_px: tuple[float, float]
    gap_px: float
    built: float
    height_px: float
    colours: Sequence[Colour]


def paint_wild(rng: np.random.Generator, canvas: Canvas, land: npt.NDArray[np.bool_]) -> None:
    """Soil and plants over all land, shaded as gentle hills."""
    shape = (land.shape[0], land.shape[1])
    soil, plants = (vary(rng, palette[rng.integers(len(palette))], 0.15) for palette in (_SOILS, _PLANTS))
    cover = fractal_noise(rng, shape, 160, 4, persistence=0.62)
    hills = fractal_noise(rng, shape, 120, 3, persistence=0.6)
    relief = np.clip(8 * (hills - np.roll(hills, (1, 1), (0, 1))), -1, 1)
    planted = smoothstep(-0.5, 0.5, cover + rng.normal(0, 0.5))[land][:, None]
    colour = np.asarray(soil, np.float32) * (1 - planted) + np.asarray(plants, np.float32) * planted
    crowns = rng.standard_normal(int(land.sum()), dtype=np.float32)
    canvas[land] = colour * (1 + 0.16 * relief[land] + 0.1 * crowns)[:, None]


def paint_grid(
    rng: np.random.Generator,
    canvas: Canvas,
    area: npt.NDArray[np.bool_],
    grid: Grid,
    *,
    angle_rad: float,
    sun: tuple[float, float],
) -> None:
    """Paint the grid where `area` [height, width] holds, turned by `angle_rad`, with shadows along `sun`."""
    rows, columns = np.nonzero(area)
    if rows.size == 0:
        return
    colours = np.array(
        [vary(rng, grid.colours[rng.integers(len(grid.colours))], 0.12) for _ in range(64)], np.float32
    )
    # A table of random cells, repeated: a scene shows only a part of it.
    cells = np.where(rng.random((97, 89)) < grid.built, rng.integers(0, 64, (97, 89)), -1)
    size = np.asarray(grid.cell_px) - grid.gap_px
    shrink = (
        rng.uniform(0.55, 1.0, (97, 89)) ** 0.7
        if len(grid.colours) > 2 and grid.height_px
        else np.ones((97, 89))
    )

    def covering(shift_px: float) -> npt.NDArray[np.int64]:
        """Colour of the object over each pixel of the area, moved by `shift_px` along the sun; -1 = none."""
        x, y = columns - sun[0] * shift_px, rows - sun[1] * shift_px
        along = (x * math.cos(angle_rad) + y * math.sin(angle_rad)) / grid.cell_px[0]
        across = (y * math.cos(angle_rad) - x * math.sin(angle_rad)) / grid.cell_px[1]
        column, row = np.floor(along).astype(int), np.floor(across).astype(int)
        index = (row % 97, column % 89)
        size_here = shrink[index]
        inside = ((along - column) * grid.cell_px[0] < size[0] * size_here) & (
            (across - row) * grid.cell_px[1] < size[1] * size_here
        )
        return np.where(inside, cells[index], -1)

    pixels = canvas[area]
    if grid.height_px:
        pixels[covering(grid.height_px) >= 0] *= 0.45
    found = covering(0.0)
    light = 1 + 0.05 * rng.standard_normal((rows.size, 1), dtype=np.float32)
    pixels = np.where((found >= 0)[:, None], colours[found] * light, pixels)
    canvas[area] = pixels
