"""Outlines of ships as geometries of GeoJSON (RFC 7946)."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from components.masks.instances import Instance, box_pixels
from components.masks.outlines import Ring, doubled_area, outlines

Geometry = dict[str, Any]
# Of each polygon its closed rings, lists of [x, y].
Polygons = list[list[list[Any]]]


def polygons_px(instance: Instance, height: int) -> Polygons:
    """Polygons of a ship in px from the top left corner of an image, for `geometry`.

    Args:
        instance: as found.
        height: of the whole image in px.
    """
    offset = np.array([instance.left, instance.top])
    return [
        [_closed(ring + offset) for ring in (polygon.outer, *polygon.holes)]
        for polygon in outlines(box_pixels(instance, height))
    ]


def geometry(polygons: Iterable[Iterable[Any]]) -> Geometry:
    """A Polygon or MultiPolygon, outer rings counterclockwise and holes clockwise.

    Args:
        polygons: of each its closed rings, the outer one first, which may run either way.
    """
    turned = [_turned(rings) for rings in polygons]
    if len(turned) == 1:
        return {"type": "Polygon", "coordinates": turned[0]}
    return {"type": "MultiPolygon", "coordinates": turned}


def _turned(rings: Iterable[Any]) -> list[list[Any]]:
    """Closed rings, the first one counterclockwise, the others clockwise."""
    turned = []
    for index, ring in enumerate(rings):
        wanted = 1 if index == 0 else -1
        forward = doubled_area(np.asarray(ring)[:-1]) * wanted > 0
        turned.append(ring if forward else ring[::-1])
    return turned


def _closed(ring: Ring) -> list[Any]:
    corners: list[Any] = ring.tolist()
    return [*corners, corners[0]]
