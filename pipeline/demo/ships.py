"""A ship seen from above: its hull as a polygon, the pixels that the hull covers, and its decks painted."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.decks import DECKS, DeckPainter
from pipeline.demo.textures import Canvas, lay_over

# Area in px of labelled Airbus ships at these quantiles (training set v2; the ends are min and max).
_AREA_QUANTILES = (0.0, 0.01, 0.10, 0.25, 0.50, 0.75, 0.95, 1.0)
_AREAS_PX = (14, 20, 62, 135, 615, 2554, 10183, 25245)
# Share of the rectangle length x width that the hull fills, for the way from an area to a length.
_FILL = 0.86


@dataclass(frozen=True)
class Ship:
    """Where a ship lies and what it is.

    Attributes:
        kind: name in `DECKS`.
        x, y: middle of the hull, in scene px (pixel (0, 0) reaches from 0 to 1).
        heading_rad: direction of the bow; 0 is to the right, pi/2 is down.
        length_px, width_px: over all.
        speed: 0 (moored or anchored) to 1 (fast, long wake).
    """

    kind: str
    x: float
    y: float
    heading_rad: float
    length_px: float
    width_px: float
    speed: float = 0.0

    def to_scene(self, along: npt.ArrayLike, across: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Scene px [n, 2] of points on the ship: along -0.5 (stern) to 0.5 (bow), across -0.5 to 0.5."""
        ahead = np.asarray(along, np.float64) * self.length_px
        aside = np.asarray(across, np.float64) * self.width_px
        cosine, sine = math.cos(self.heading_rad), math.sin(self.heading_rad)
        return np.stack([self.x + cosine * ahead - sine * aside, self.y + sine * ahead + cosine * aside], -1)

    def outline(self) -> npt.NDArray[np.float64]:
        """Hull polygon [n, 2] in scene px."""
        return self.to_scene(*DECKS[self.kind].hull())


@dataclass(frozen=True)
class Footprint:
    """The part of a scene that a hull covers.

    Attributes:
        top, left: scene px of the window's corner; the window lies within the scene.
        coverage: float32 [height, width], share of each pixel under the hull (0-1).
    """

    top: int
    left: int
    coverage: npt.NDArray[np.float32]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Pixels that belong to the ship: at least half covered."""
        return np.asarray(self.coverage >= 0.5)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the scene."""
        height, width = self.coverage.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def draw_ship(
    rng: np.random.Generator, x: float, y: float, heading_rad: float, *, longest_px: float, speed: float = 0.0
) -> Ship:
    """A random ship, its area distributed like the Airbus labels and its length at most `longest_px`."""
    area_px = math.exp(np.interp(rng.random(), _AREA_QUANTILES, np.log(_AREAS_PX)))
    # Boats are stout, freighters slender.
    aspect = float(np.interp(math.log(area_px), np.log((20, 400, 5000)), (2.6, 4.2, 6.2))) * rng.uniform(
        0.85, 1.2
    )
    length_px = min(math.sqrt(area_px * aspect / _FILL), longest_px)
    fitting = [kind for kind, deck in DECKS.items() if deck.shortest_px <= length_px <= deck.longest_px]
    return Ship(str(rng.choice(fitting)), x, y, heading_rad, length_px, length_px / aspect, speed)


def footprint(ship: Ship, scene_shape: tuple[int, ...], margin_px: int = 0) -> Footprint | None:
    """Pixels covered by the hull, with a margin around, or None where the ship lies outside the scene."""
    window = _window(ship, scene_shape, margin_px)
    if window is None:
        return None
    top, left, height, width = window
    scale = _supersampling(ship)
    fine = np.zeros((height * scale, width * scale), np.uint8)
    _fill(fine, (ship.outline() - (left, top)) * scale, 255)
    coverage = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return Footprint(top, left, coverage)


def paint_ship(rng: np.random.Generator, canvas: Canvas, ship: Ship, sun: tuple[float, float]) -> None:
    """Paint shadow, hull and decks. `sun` is the shadow's (x, y) shift in px for each px of height."""
    placed = footprint(ship, canvas.shape, margin_px=2 + int(ship.width_px))
    if placed is None:
        return
    height, width = placed.coverage.shape
    view = canvas[placed.window]
    _cast_shadow(view, placed.coverage, (sun[0] * ship.width_px * 0.22, sun[1] * ship.width_px * 0.22))
    scale = _supersampling(ship)
    fine = np.zeros((height * scale, width * scale, 3), np.uint8)
    deck = DECKS[ship.kind]
    deck.paint(
        DeckPainter(
            rng,
            hull=deck.hull(),
            fine=fine,
            to_scene=ship.to_scene,
            corner=(placed.left, placed.top),
            scale=scale,
            sun=sun,
            width_px=ship.width_px,
        )
    )
    decks = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Clutter on deck that is too fine to be drawn.
    decks *= 1 + 0.04 * rng.standard_normal((height, width, 1), dtype=np.float32)
    lay_over(view, decks, placed.coverage)


def _cast_shadow(view: Canvas, coverage: npt.NDArray[np.float32], shift_px: tuple[float, float]) -> None:
    height, width = coverage.shape
    moved = cv2.warpAffine(coverage, np.array([[1, 0, shift_px[0]], [0, 1, shift_px[1]]]), (width, height))
    view *= 1 - 0.65 * cv2.GaussianBlur(moved, (0, 0), 0.8)[..., None]


def _window(ship: Ship, scene_shape: tuple[int, ...], margin_px: int) -> tuple[int, int, int, int] | None:
    outline = ship.outline()
    left, top = np.maximum(np.floor(outline.min(0)).astype(int) - margin_px, 0).tolist()
    right, bottom = (np.ceil(outline.max(0)).astype(int) + margin_px).tolist()
    height, width = min(bottom, scene_shape[0]) - top, min(right, scene_shape[1]) - left
    return (top, left, height, width) if height > 0 and width > 0 else None


def _supersampling(ship: Ship) -> int:
    """Fine pixels per pixel: boats need more to have a shape at all, large ships would cost more time."""
    return 8 if ship.length_px < 40 else 4


def _fill(image: npt.NDArray[np.uint8], corners: npt.NDArray[np.float64], value: int) -> None:
    # OpenCV puts whole coordinates at pixel middles; 4 fractional bits keep sub-pixel places.
    cv2.fillPoly(image, [np.round((corners - 0.5) * 16).astype(np.int32)], value, shift=4)
