"""Outlines of a ship along the edges of its pixels, as polygons with holes."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.int64]
# OpenCV goes from pixel centre to pixel centre. In a picture three times as large, centres that lie beside a
# pixel's edge are told from its middle, so that they can be moved onto the edge.
_SCALE = 3


@dataclass(frozen=True)
class Polygon:
    """An area without a gap, corners as (x, y) in px from the top left corner of the first pixel.

    Attributes:
        outer: int64 [n, 2], the ring around it; the first corner is not repeated at the end.
        holes: rings around what is cut out; they may touch the outer ring in corners, never along an edge.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()


def outlines(mask: npt.NDArray[np.generic]) -> list[Polygon]:
    """Polygons that cover exactly the pixels of a mask.

    Pixels that touch only in a corner belong to different polygons, since a ring must not touch itself.

    Args:
        mask: bool or uint8 [height, width]; anything but 0 is inside.
    """
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        (mask != 0).astype(np.uint8), connectivity=4
    )
    polygons = []
    for label in range(1, count):
        left, top, across, down, _ = map(int, statistics[label])
        part = labels[top : top + down, left : left + across] == label
        large = np.kron(part.astype(np.uint8), np.ones((_SCALE, _SCALE), np.uint8))
        rings, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        corners = [_on_edges(ring[:, 0]) + np.array([left, top]) for ring in rings]
        # The outer ring is the one around all others.
        corners.sort(key=lambda ring: -abs(doubled_area(ring)))
        polygons.append(Polygon(corners[0], tuple(corners[1:])))
    return polygons


def doubled_area(ring: npt.NDArray[np.generic]) -> float:
    """Twice the area within a ring [n, 2], negative if it runs clockwise (x to the right, y up)."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _on_edges(ring: npt.NDArray[np.int32]) -> Ring:
    """Corners of a ring of the enlarged picture, moved onto pixel edges, without those on a straight line."""
    corners = (ring.astype(np.int64) + 1) // _SCALE
    corners = corners[(corners != np.roll(corners, 1, axis=0)).any(axis=1)]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    turns: Ring = corners[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return turns
