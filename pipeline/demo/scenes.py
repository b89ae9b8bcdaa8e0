"""Renders one scene: a picture larger than a tile, and which of its pixels belong to which ship."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.coast import paint_coast, paint_islets
from pipeline.demo.fleet import Fleet
from pipeline.demo.harbour import Face, paint_harbour
from pipeline.demo.sea import paint_sea
from pipeline.demo.ships import paint_ship
from pipeline.demo.sky import cloud_opacity, paint_clouds, paint_haze, photograph
from pipeline.demo.textures import Canvas, Shape
from pipeline.demo.wakes import paint_wake

SOURCES = ("open_sea", "coast", "harbour")
_BUOYS = ((214, 186, 60), (206, 90, 60), (222, 222, 216), (40, 60, 50))


@dataclass(frozen=True)
class Scene:
    """A rendered scene.

    Attributes:
        pixels: uint8 RGB [height, width, 3].
        instances: int16 [height, width]; 0 is no ship, equal values > 0 are one ship's hull.
    """

    pixels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]


def render_scene(
    rng: np.random.Generator, shape: Shape, *, source: str, fleet: str, weather: str, longest_px: float
) -> Scene:
    """Paint a scene from the sea up.

    Args:
        rng: source of randomness; the same state gives the same scene.
        shape: (height, width) in px.
        source: one of `SOURCES`.
        fleet: a key of `FLEETS`; how many ships lie or move on open water.
        weather: "clear", "clouds" or "haze".
        longest_px: no ship is longer.
    """
    sun = _sun(rng)
    canvas = paint_sea(rng, shape)
    land = np.zeros(shape, bool)
    faces: list[Face] = []
    if source == "coast":
        land = paint_coast(rng, canvas, sun)
    elif source == "harbour":
        land, faces = paint_harbour(rng, canvas, sun)
    elif rng.random() < 0.15:
        land = paint_islets(rng, canvas, sun)
    clouds = np.zeros(shape, np.float32)
    if weather == "clouds":
        clouds = cloud_opacity(rng, shape, rng.uniform(0.06, 0.35))
    ships = Fleet(land, clouds, longest_px)
    ships.moor(rng, faces, rng.uniform(0.35, 0.75))
    ships.scatter(rng, fleet)
    _paint_buoys(rng, canvas, land)
    _paint_ships(rng, canvas, ships, land, sun)
    if weather == "clouds":
        paint_clouds(rng, canvas, clouds, sun)
    elif weather == "haze":
        paint_haze(rng, canvas, rng.uniform(0.15, 0.5))
    return Scene(photograph(rng, canvas), ships.instances)


def _sun(rng: np.random.Generator) -> tuple[float, float]:
    """Shift in px (x, y) of a shadow for each px of height."""
    away_rad, stretch = rng.uniform(0, 2 * math.pi), rng.uniform(0.4, 1.4)
    return stretch * math.cos(away_rad), stretch * math.sin(away_rad)


def _paint_ships(
    rng: np.random.Generator,
    canvas: Canvas,
    fleet: Fleet,
    land: npt.NDArray[np.bool_],
    sun: tuple[float, float],
) -> None:
    water = cv2.GaussianBlur((~land).astype(np.float32), (0, 0), 0.8)
    # All wakes first: a wake that crosses another ship passes under it.
    for ship in fleet.ships:
        if ship.speed > 0:
            paint_wake(rng, canvas, ship, water)
    for ship in fleet.ships:
        paint_ship(rng, canvas, ship, sun)


def _paint_buoys(rng: np.random.Generator, canvas: Canvas, land: npt.NDArray[np.bool_]) -> None:
    """Buoys and floats of 1-3 px: bright points that are no ships."""
    height, width = land.shape
    for _ in range(rng.poisson(3)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        if not land[y, x]:
            colour = _BUOYS[rng.integers(len(_BUOYS))]
            cv2.circle(canvas, (x, y), int(rng.integers(0, 2)), colour, -1)
