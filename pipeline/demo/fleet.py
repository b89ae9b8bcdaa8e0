"""Puts ships on the water: single ones under way, anchorages, and moored rows, none overlapping."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.harbour import Face
from pipeline.demo.ships import Ship, draw_ship, footprint
from pipeline.demo.textures import Texture

# How many ships a scene gets, by kind of fleet. A tile shows about a third of a scene.
FLEETS: dict[str, tuple[int, int]] = {
    "empty": (0, 0),
    "lone": (1, 3),
    "traffic": (4, 9),
    "group": (7, 13),
    "anchorage": (14, 26),
    "crowd": (24, 40),
}
# Ships in sight are labelled; behind denser cloud nobody would draw a mask.
_CLEAR_SKY = 0.2


class Fleet:
    """The ships of one scene.

    Attributes:
        ships: in the order of their numbers.
        instances: int16 [height, width]; 0 is no ship, n is pixel of `ships[n - 1]`.
    """

    def __init__(self, land: npt.NDArray[np.bool_], clouds: Texture, longest_px: float) -> None:
        self.ships: list[Ship] = []
        self.instances = np.zeros(land.shape, np.int16)
        self._free = ~land & (clouds < _CLEAR_SKY)
        self._longest_px = longest_px

    def place(self, ship: Ship, clearance_px: int) -> bool:
        """Add the ship if all water within `clearance_px` of its hull is free and in clear sight."""
        placed = footprint(ship, self._free.shape, margin_px=clearance_px + 1)
        if placed is None or not placed.mask.any():
            return False
        mask = placed.mask
        kernel = np.ones((2 * clearance_px + 1,) * 2, np.uint8)
        if not self._free[placed.window][cv2.dilate(mask.astype(np.uint8), kernel) > 0].all():
            return False
        self.ships.append(ship)
        self.instances[placed.window][mask] = len(self.ships)
        self._free[placed.window][mask] = False
        return True

    def scatter(self, rng: np.random.Generator, fleet: str) -> None:
        """Spread a fleet of the given kind over the open water, in places chosen at random."""
        wanted = int(rng.integers(FLEETS[fleet][0], FLEETS[fleet][1] + 1))
        heading_rad = rng.uniform(0, 2 * math.pi)
        height, width = self._free.shape
        # A fleet keeps to one part of the scene, so that some of the scene's tiles are empty.
        centre = rng.uniform(0.05, 0.95, 2) * (width, height)
        spread_px = rng.uniform(0.2, 0.35) * min(height, width)
        longest_px = self._longest_px * (0.4 if fleet == "crowd" else 1.0)
        for _ in range(wanted * 8):
            if len(self.ships) >= wanted:
                return
            x, y = centre + rng.normal(0, spread_px, 2)
            if not (0 <= x < width and 0 <= y < height):
                continue
            if fleet in ("group", "anchorage", "crowd") and rng.random() < 0.85:
                # Ships at anchor swing with wind and tide, all in one direction.
                ship = draw_ship(rng, x, y, heading_rad + rng.normal(0, 0.15), longest_px=longest_px)
            else:
                speed = max(0.0, rng.uniform(-0.35, 1))
                ship = draw_ship(rng, x, y, rng.uniform(0, 2 * math.pi), longest_px=longest_px, speed=speed)
            if self.place(ship, clearance_px=6) and ship.speed == 0 and rng.random() < 0.15:
                self._raft(rng, ship, int(rng.integers(1, 3)))

    def moor(self, rng: np.random.Generator, faces: list[Face], share: float) -> None:
        """Fill about `share` (0-1) of the mooring faces with ships side by side or end to end."""
        for face in faces:
            # A row of boats in a marina is nearly full or nearly empty; quays have gaps.
            occupied = share if not face.stern_to else float(rng.random() < share) * 0.6
            along_px = rng.uniform(2, 12)
            while along_px < face.length_px:
                along_px += self._berth(rng, face, along_px, occupied)

    def _berth(self, rng: np.random.Generator, face: Face, along_px: float, occupied: float) -> float:
        """Moor one ship, or leave its berth empty; returns the px of the face that it takes."""
        longest_px = (
            rng.uniform(18, 44) if face.stern_to else min(self._longest_px, face.length_px - along_px)
        )
        heading_rad = face.outward_rad if face.stern_to else face.along_rad
        ship = draw_ship(
            rng, 0, 0, heading_rad + (math.pi if rng.random() < 0.5 else 0), longest_px=longest_px
        )
        if face.stern_to:
            taken_px, off_px = ship.width_px + rng.uniform(2, 4), 1.5 + ship.length_px / 2
        else:
            taken_px, off_px = ship.length_px + rng.uniform(4, 30), 2 + ship.width_px / 2
        if along_px + taken_px > face.length_px or rng.random() > occupied:
            return taken_px
        middle_px = along_px + taken_px / 2
        x = face.x + math.cos(face.along_rad) * middle_px + math.cos(face.outward_rad) * off_px
        y = face.y + math.sin(face.along_rad) * middle_px + math.sin(face.outward_rad) * off_px
        moored = Ship(ship.kind, x, y, ship.heading_rad, ship.length_px, ship.width_px)
        if self.place(moored, clearance_px=1) and not face.stern_to and rng.random() < 0.3:
            self._raft(rng, moored, int(rng.integers(1, 4)), face.outward_rad)
        return taken_px

    def _raft(
        self, rng: np.random.Generator, inner: Ship, count: int, outward_rad: float | None = None
    ) -> None:
        """Lay up to `count` ships of about the same size alongside, one outside the other."""
        aside_rad = inner.heading_rad + math.pi / 2 if outward_rad is None else outward_rad
        for _ in range(count):
            size = rng.uniform(0.85, 1.05)
            width_px = inner.width_px * size
            off_px = (inner.width_px + width_px) / 2 + 2.5
            ahead_px = rng.normal(0, 0.04) * inner.length_px
            ship = Ship(
                inner.kind,
                inner.x + math.cos(aside_rad) * off_px + math.cos(inner.heading_rad) * ahead_px,
                inner.y + math.sin(aside_rad) * off_px + math.sin(inner.heading_rad) * ahead_px,
                inner.heading_rad + rng.normal(0, 0.008),
                min(inner.length_px * size, self._longest_px),
                width_px,
            )
            if not self.place(ship, clearance_px=1):
                return
            inner = ship
