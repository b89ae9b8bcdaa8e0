"""The kinds of ships: hull shape and what is painted on deck. A new kind is one entry in `DECKS`."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.textures import Colour, vary

_HULLS: tuple[Colour, ...] = (
    (34, 30, 32),
    (96, 38, 32),
    (30, 44, 76),
    (58, 60, 62),
    (150, 60, 44),
    (48, 70, 60),
)
_RUST: tuple[Colour, ...] = ((152, 82, 68), (142, 90, 78), (172, 98, 80), (112, 68, 60))
_GREY: tuple[Colour, ...] = ((150, 148, 142), (176, 172, 164), (120, 124, 124), (196, 192, 180))
_GREEN: tuple[Colour, ...] = ((96, 124, 92), (78, 108, 98))
_WHITE: tuple[Colour, ...] = ((236, 236, 230), (222, 222, 216), (244, 240, 228))
_BOXES: tuple[Colour, ...] = (
    (146, 66, 56), (62, 84, 122), (206, 204, 196), (176, 122, 78), (88, 116, 94), (146, 144, 140), 
    (104, 58, 52), (112, 142, 158), (196, 176, 120), (178, 174, 168),
)  # fmt: skip

Points = npt.NDArray[np.float64]


class DeckPainter:
    """Fills shapes given in ship coordinates (along -0.5 stern to 0.5 bow, across -0.5 to 0.5)."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        hull: tuple[Points, Points],
        fine: npt.NDArray[np.uint8],
        to_scene: Callable[[npt.ArrayLike, npt.ArrayLike], Points],
        corner: tuple[int, int],
        scale: int,
        sun: tuple[float, float],
        width_px: float,
    ) -> None:
        self.rng = rng
        self.width_px = width_px
        self._hull = hull
        self._fine, self._to_scene, self._corner, self._scale = fine, to_scene, np.asarray(corner), scale
        self._sun = np.asarray(sun)

    def pick(self, colours: tuple[Colour, ...]) -> Colour:
        """One of the colours, slightly changed."""
        return vary(self.rng, colours[self.rng.integers(len(colours))], 0.1)

    def fill(
        self, along: npt.ArrayLike, across: npt.ArrayLike, colour: Colour, shift_px: npt.ArrayLike = 0
    ) -> None:
        """Fill a polygon, moved by `shift_px` (x, y) in the scene."""
        corners = (self._to_scene(along, across) + np.asarray(shift_px) - self._corner) * self._scale
        cv2.fillPoly(self._fine, [np.round((corners - 0.5) * 16).astype(np.int32)], colour, shift=4)

    def block(
        self, along: tuple[float, float], across: tuple[float, float], colour: Colour, height: float = 0.0
    ) -> None:
        """Fill a rectangle; one with a height (in ship widths) casts a shadow on the deck first."""
        (stern, bow), (port, starboard) = along, across
        corners = ([stern, bow, bow, stern], [port, port, starboard, starboard])
        if height:
            dark = (28.0, 28.0, 32.0)
            self.fill(*corners, dark, self._sun * height * self.width_px)
        self.fill(*corners, colour)

    def hull_and_deck(self, rail: Colour, deck: Colour, inset: float = 0.84) -> None:
        """The hull's side as a thin rim around the deck."""
        along, across = self._hull
        # Beyond the outline, since pixels at the edge are mixed with the sea by coverage alone.
        self.fill(along * 1.06, across * 1.2, rail)
        self.fill(along * (1 - (1 - inset) * 0.25), across * inset, deck)


@dataclass(frozen=True)
class Deck:
    """A kind of ship.

    Attributes:
        paint: paints the whole ship.
        shortest_px, longest_px: lengths at which the kind occurs.
        bow: share of the length over which the hull narrows to the bow (0 = a box).
        stern: width of the transom as share of the full width (0-1).
    """

    paint: Callable[[DeckPainter], None]
    shortest_px: float
    longest_px: float
    bow: float
    stern: float = 0.8

    def hull(self) -> tuple[Points, Points]:
        """Outline in ship coordinates, (along, across) each [n]: transom, straight sides, pointed bow."""
        if self.bow == 0:
            return np.array([-0.5, 0.5, 0.5, -0.5]), np.array([-0.5, -0.5, 0.5, 0.5])
        steps = np.linspace(0, 1, 9)
        along = np.concatenate([[-0.5, -0.42], 0.5 - self.bow + self.bow * steps])
        half = np.concatenate([[self.stern / 2, 0.5], 0.5 * (1 - steps**2.2)])
        return np.concatenate([along, along[::-1]]), np.concatenate([half, -half[::-1]])


def _container(painter: DeckPainter) -> None:
    painter.hull_and_deck(painter.pick(_HULLS), painter.pick(_RUST + _GREY))
    bays = int(painter.rng.integers(9, 17))
    rows = max(3, min(9, int(painter.width_px / 3)))
    bridge = painter.rng.uniform(-0.36, -0.22)
    edges = np.linspace(-0.44, 0.36, bays + 1)
    for stern, bow in pairwise(edges):
        if painter.rng.random() < 0.08 or stern < bridge < bow:
            continue
        reach = 0.43 if bow < 0.3 else 0.32
        sides = np.linspace(-reach, reach, rows + 1)
        common = painter.pick(_BOXES)
        for port, starboard in pairwise(sides):
            colour = common if painter.rng.random() < 0.35 else painter.pick(_BOXES)
            painter.block((stern + 0.004, bow - 0.006), (port, starboard), colour)
    painter.block((bridge - 0.018, bridge + 0.022), (-0.48, 0.48), painter.pick(_WHITE), height=0.3)


def _bulk(painter: DeckPainter) -> None:
    deck = painter.pick(_RUST + _GREY + _GREEN)
    painter.hull_and_deck(painter.pick(_HULLS), deck, inset=0.88)
    holds = int(painter.rng.integers(4, 10))
    edges = np.linspace(-0.3, 0.4, holds + 1)
    hatch = vary(painter.rng, deck, 0.3) if painter.rng.random() < 0.6 else painter.pick(_GREY)
    for stern, bow in pairwise(edges):
        gap = (bow - stern) * 0.2
        painter.block((stern + gap, bow - gap), (-0.28, 0.28), hatch, height=0.05)
        if painter.rng.random() < 0.4:
            painter.block((bow - gap * 0.7, bow), (-0.06, 0.06), painter.pick(_WHITE), height=0.2)
    _bridge(painter, -0.41)


def _tanker(painter: DeckPainter) -> None:
    painter.hull_and_deck(painter.pick(_HULLS), painter.pick(_RUST + _GREEN + _GREY), 0.9)
    pipe = painter.pick(_GREY)
    painter.block((-0.3, 0.4), (-0.05, 0.05), pipe, height=0.03)
    for place in painter.rng.uniform(-0.28, 0.38, 7):
        painter.block((place, place + 0.006), (-0.4, 0.4), pipe)
    painter.block((0.01, 0.03), (-0.46, 0.46), painter.pick(_WHITE), height=0.04)
    _bridge(painter, -0.4)


def _bridge(painter: DeckPainter, along: float) -> None:
    """White deckhouse near the stern, with a funnel."""
    painter.block((along - 0.035, along + 0.04), (-0.4, 0.4), painter.pick(_WHITE), height=0.35)
    painter.block((along + 0.015, along + 0.04), (-0.5, 0.5), painter.pick(_WHITE))
    painter.block((along - 0.07, along - 0.045), (-0.12, 0.12), painter.pick(_HULLS), height=0.3)


def _ferry(painter: DeckPainter) -> None:
    white = painter.pick(_WHITE)
    painter.hull_and_deck(painter.pick(_WHITE + _HULLS), vary(painter.rng, (150, 160, 165), 0.2))
    painter.block((-0.4, 0.26), (-0.4, 0.4), white, height=0.1)
    painter.block((-0.3, 0.2), (-0.26, 0.26), vary(painter.rng, (190, 195, 195), 0.12), height=0.12)
    painter.block((-0.2, -0.12), (-0.12, 0.12), painter.pick(_HULLS + _RUST), height=0.25)
    painter.block((-0.05, 0.08), (-0.2, 0.2), vary(painter.rng, (96, 130, 150), 0.3))


def _fishing(painter: DeckPainter) -> None:
    painter.hull_and_deck(painter.pick(_HULLS + _WHITE), painter.pick(_GREY + _RUST + _GREEN))
    house = painter.rng.uniform(-0.25, 0.1)
    painter.block((house, house + 0.22), (-0.27, 0.27), painter.pick(_WHITE), height=0.2)
    painter.block((-0.42, -0.3), (-0.2, 0.2), painter.pick(_BOXES))


def _yacht(painter: DeckPainter) -> None:
    painter.hull_and_deck(painter.pick(_WHITE), painter.pick(_WHITE + _WHITE + _GREY), 0.8)
    painter.block((-0.42, -0.14), (-0.24, 0.24), vary(painter.rng, (150, 120, 90), 0.3))
    painter.block((-0.12, 0.14), (-0.22, 0.22), vary(painter.rng, (60, 70, 84), 0.4), height=0.1)


def _barge(painter: DeckPainter) -> None:
    painter.hull_and_deck(painter.pick(_HULLS), painter.pick(_RUST + _GREY))
    if painter.rng.random() < 0.7:
        painter.block((-0.42, 0.42), (-0.34, 0.34), vary(painter.rng, (70, 60, 52), 0.3))
        for place in painter.rng.uniform(-0.38, 0.3, 4):
            painter.block((place, place + 0.1), (-0.24, 0.24), vary(painter.rng, (128, 108, 84), 0.35))


def _warship(painter: DeckPainter) -> None:
    grey = vary(painter.rng, (128, 134, 138), 0.12)
    painter.hull_and_deck(vary(painter.rng, (90, 96, 102), 0.1), grey, inset=0.88)
    painter.block((-0.22, 0.12), (-0.26, 0.26), vary(painter.rng, (158, 162, 164), 0.08), height=0.2)
    painter.block((0.0, 0.08), (-0.2, 0.2), vary(painter.rng, (186, 188, 188), 0.05), height=0.3)
    painter.block((-0.16, -0.08), (-0.14, 0.14), vary(painter.rng, (70, 72, 76), 0.1), height=0.2)
    painter.block((0.2, 0.24), (-0.1, 0.1), vary(painter.rng, (100, 104, 106), 0.1))


DECKS: dict[str, Deck] = {
    "yacht": Deck(_yacht, 0, 40, bow=0.55),
    "fishing": Deck(_fishing, 0, 75, bow=0.36, stern=0.7),
    "ferry": Deck(_ferry, 30, 200, bow=0.24, stern=0.9),
    "barge": Deck(_barge, 30, 130, bow=0.0, stern=1.0),
    "warship": Deck(_warship, 70, 170, bow=0.5, stern=0.75),
    "tanker": Deck(_tanker, 55, 1e9, bow=0.14, stern=0.84),
    "bulk": Deck(_bulk, 55, 1e9, bow=0.13, stern=0.86),
    "container": Deck(_container, 110, 1e9, bow=0.16, stern=0.9),
}
