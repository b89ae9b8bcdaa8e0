"""Paints a harbour: quays, piers, a breakwater and a marina, and says where ships can moor."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.ground import ROOFS, STACKS, Grid, paint_grid, paint_wild
from pipeline.demo.textures import Canvas, Colour, Shape, Texture, lay_over, vary

_CONCRETE: Colour = (142, 138, 130)
_PONTOON: Colour = (150, 142, 128)
_STONE: Colour = (126, 122, 114)


@dataclass(frozen=True)
class Face:
    """One straight side of a quay, pier or pontoon.

    Attributes:
        x, y: where it starts, in scene px.
        along_rad: direction in which it runs.
        length_px: how far it runs.
        outward_rad: direction to the water.
        stern_to: whether boats lie at right angles to it (a marina) rather than alongside.
    """

    x: float
    y: float
    along_rad: float
    length_px: float
    outward_rad: float
    stern_to: bool = False


@dataclass(frozen=True)
class _Block:
    """A rectangle in harbour coordinates (along the shore, out to sea; px) that is solid ground."""

    along: tuple[float, float]
    out: tuple[float, float]
    pontoon: bool = False


class _Frame:
    """Harbour coordinates: `along` the shore and `out` to sea, from a point on the shore."""

    def __init__(self, x: float, y: float, angle_rad: float) -> None:
        self.angle_rad = angle_rad
        self._x, self._y = x, y

    def to_scene(self, along: float, out: float) -> tuple[float, float]:
        cosine, sine = math.cos(self.angle_rad), math.sin(self.angle_rad)
        return self._x + cosine * along - sine * out, self._y + sine * along + cosine * out

    def fill(self, image: npt.NDArray[np.uint8], block: _Block) -> None:
        corners = [
            self.to_scene(along, out)
            for along, out in zip(np.repeat(block.along, 2), [*block.out, *block.out[::-1]], strict=True)
        ]
        cv2.fillPoly(image, [np.round((np.asarray(corners) - 0.5) * 16).astype(np.int32)], 1, shift=4)

    def face(
        self,
        along: float,
        out: float,
        turn_rad: float,
        length_px: float,
        *,
        outward_rad: float,
        stern_to: bool = False,
    ) -> Face:
        x, y = self.to_scene(along, out)
        return Face(x, y, self.angle_rad + turn_rad, length_px, self.angle_rad + outward_rad, stern_to)


def paint_harbour(
    rng: np.random.Generator, canvas: Canvas, sun: tuple[float, float]
) -> tuple[npt.NDArray[np.bool_], list[Face]]:
    """Paint a harbour along one side of the scene; returns the land [height, width] and the mooring faces."""
    shape = (canvas.shape[0], canvas.shape[1])
    angle_rad = rng.uniform(0, 2 * math.pi)
    middle_x, middle_y = shape[1] / 2, shape[0] / 2
    # The shore runs behind the middle, so that water takes most of the scene.
    back_px = rng.uniform(0.15, 0.32) * min(shape)
    frame = _Frame(
        middle_x + math.sin(angle_rad) * back_px, middle_y - math.cos(angle_rad) * back_px, angle_rad
    )
    blocks, faces = _lay_out(rng, frame, max(shape))
    solid, pontoon = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for block in blocks:
        frame.fill(pontoon if block.pontoon else solid, block)
    stone = _breakwater(rng, frame, shape)
    stone[solid > 0] = 0
    _murky(rng, canvas, solid)
    _paint_ground(rng, canvas, solid, angle_rad, sun)
    for mask, colour, height_px in ((stone, _STONE, 1.5), (pontoon, _PONTOON, 1.0)):
        _paint_structure(rng, canvas, mask, colour=colour, height_px=height_px, sun=sun)
    return np.asarray((solid | stone | pontoon) > 0), faces


def _lay_out(rng: np.random.Generator, frame: _Frame, reach_px: int) -> tuple[list[_Block], list[Face]]:
    """Walk along the shore and build quays, piers and marinas side by side."""
    blocks = [_Block((-2 * reach_px, 2 * reach_px), (-2 * reach_px, 0))]
    faces: list[Face] = []
    along = -reach_px * 0.8
    while along < reach_px * 0.8:
        kind = rng.choice(["quay", "pier", "marina", "basin"], p=[0.32, 0.36, 0.12, 0.2])
        span = rng.uniform(180, 420)
        if kind == "quay":
            out = rng.uniform(0, 60)
            blocks.append(_Block((along, along + span), (0, out)))
            faces.append(frame.face(along, out, 0, span, outward_rad=math.pi / 2))
        elif kind == "pier":
            thick, length = rng.uniform(14, 46), rng.uniform(140, 380)
            middle = along + span / 2
            blocks.append(_Block((middle - thick / 2, middle + thick / 2), (0, length)))
            faces += _sides(frame, middle, thick, length, stern_to=False)
        elif kind == "marina":
            length = rng.uniform(60, 130)
            spacing = rng.uniform(64, 90)
            for middle in np.arange(along + 30, along + span - 30, spacing):
                blocks.append(_Block((middle - 2, middle + 2), (-2, length), pontoon=True))
                faces += _sides(frame, float(middle), 4, length, stern_to=True)
        along += span
    return blocks, faces


def _sides(frame: _Frame, middle: float, thick: float, length: float, stern_to: bool) -> list[Face]:
    """Both long sides of something that juts out to sea."""
    return [
        frame.face(middle - thick / 2, 10, math.pi / 2, length - 10, outward_rad=math.pi, stern_to=stern_to),
        frame.face(middle + thick / 2, 10, math.pi / 2, length - 10, outward_rad=0, stern_to=stern_to),
    ]


def _breakwater(rng: np.random.Generator, frame: _Frame, shape: Shape) -> npt.NDArray[np.uint8]:
    """A long, slightly bent wall of stones off the shore, with a gap; uint8 0/1 [height, width]."""
    image = np.zeros(shape, np.uint8)
    if rng.random() < 0.35:
        return image
    reach_px, out = max(shape), rng.uniform(430, 620)
    bend, gap = rng.uniform(-80, 80), rng.uniform(-0.3, 0.3)
    thick = int(rng.integers(6, 13))
    for start, end in ((-0.9, gap - 0.08), (gap + 0.08, 0.9)):
        places = np.linspace(start, end, 40)
        line = [frame.to_scene(place * reach_px, out + bend * math.cos(3 * place)) for place in places]
        cv2.polylines(image, [np.round(np.asarray(line)).astype(np.int32)], False, 1, thick)
    # Heaped stones have no straight edge.
    rough = 0.16 * rng.standard_normal(shape, dtype=np.float32)
    ragged = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2) + rough
    return np.asarray(cv2.medianBlur((ragged > 0.5).astype(np.uint8), 3), np.uint8)


def _murky(rng: np.random.Generator, canvas: Canvas, solid: npt.NDArray[np.uint8]) -> None:
    """Stirred-up, smoother water near the quays."""
    to_land_px = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    near = np.exp(-to_land_px / 160).astype(np.float32)
    lay_over(canvas, cv2.GaussianBlur(canvas, (0, 0), 4), 0.7 * near)
    lay_over(canvas, np.minimum(canvas.mean((0, 1)) * 1.25 + (14, 18, 12), 170), 0.45 * near)


def _paint_ground(
    rng: np.random.Generator,
    canvas: Canvas,
    solid: npt.NDArray[np.uint8],
    angle_rad: float,
    sun: tuple[float, float],
) -> None:
    """Concrete apron at the water, then containers and sheds, then the town."""
    land = solid > 0
    paint_wild(rng, canvas, land)
    to_water_px = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    apron_px = rng.uniform(60, 160)
    apron = land & (to_water_px < apron_px)
    concrete = np.asarray(vary(rng, _CONCRETE, 0.1), np.float32)
    canvas[apron] = concrete * (1 + 0.07 * rng.standard_normal((int(apron.sum()), 1), dtype=np.float32))
    stacks = rng.random() < 0.6
    grid = (
        Grid((rng.uniform(26, 40), 7), 1.5, 0.7, 3, STACKS)
        if stacks
        else Grid((rng.uniform(60, 110), rng.uniform(28, 48)), 12, 0.75, 5, ROOFS)
    )
    paint_grid(rng, canvas, apron & (to_water_px > 16), grid, angle_rad=angle_rad, sun=sun)
    town = Grid((rng.uniform(14, 24), rng.uniform(12, 18)), rng.uniform(4, 7), 0.8, 4, ROOFS)
    paint_grid(
        rng,
        canvas,
        land & (to_water_px > apron_px + 12),
        town,
        angle_rad=angle_rad + rng.normal(0, 0.15),
        sun=sun,
    )


def _paint_structure(
    rng: np.random.Generator,
    canvas: Canvas,
    mask: npt.NDArray[np.uint8],
    *,
    colour: Colour,
    height_px: float,
    sun: tuple[float, float],
) -> None:
    cover: Texture = mask.astype(np.float32)
    height, width = mask.shape
    shift = np.array([[1, 0, sun[0] * height_px], [0, 1, sun[1] * height_px]])
    canvas *= 1 - 0.5 * cv2.warpAffine(cover, shift, (width, height))[..., None]
    solid = mask > 0
    stones = 1 + 0.16 * rng.standard_normal((int(solid.sum()), 1), dtype=np.float32)
    canvas[solid] = np.asarray(vary(rng, colour, 0.15), np.float32) * stones
