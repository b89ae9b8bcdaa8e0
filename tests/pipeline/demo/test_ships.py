"""Hulls: what is labelled is what is drawn, and sizes are those of real labels."""

import math

import numpy as np
import pytest

from pipeline.demo.decks import DECKS
from pipeline.demo.ships import Ship, draw_ship, footprint, paint_ship


def shoelace(corners: np.ndarray) -> float:
    x, y = corners.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


@pytest.mark.parametrize("heading_rad", [0.0, 0.4, 2.2, 4.0])
@pytest.mark.parametrize(
    ("kind", "length_px", "width_px"), [("fishing", 24, 8), ("ferry", 90, 18), ("bulk", 300, 48)]
)
def test_mask_is_the_hull_polygon(kind: str, length_px: float, width_px: float, heading_rad: float) -> None:
    ship = Ship(kind, 200.3, 199.6, heading_rad, length_px, width_px)
    placed = footprint(ship, (400, 400))
    assert placed is not None
    assert placed.mask.sum() == pytest.approx(shoelace(ship.outline()), rel=0.1)
    rows, columns = np.nonzero(placed.mask)
    outline = ship.outline()
    middle = np.array([columns.mean() + placed.left + 0.5, rows.mean() + placed.top + 0.5])
    assert np.all(middle > outline.min(0))
    assert np.all(middle < outline.max(0))
    extent = np.array([np.ptp(columns), np.ptp(rows)]) + 1
    assert np.abs(extent - np.ptp(outline, axis=0)).max() < 6


def test_bow_points_along_the_heading() -> None:
    ship = Ship("yacht", 50, 50, math.pi / 2, 40, 14)
    placed = footprint(ship, (100, 100))
    assert placed is not None
    widths = placed.mask.sum(axis=1)
    widths = widths[widths > 0]
    assert widths[-6:].mean() < 0.6 * widths[:6].mean()


@pytest.mark.parametrize("kind", DECKS)
def test_nothing_but_the_footprint_is_painted(kind: str) -> None:
    ship = Ship(kind, 60, 60, 0.7, 80, 16)
    sea = np.zeros((120, 120, 3), np.float32)
    # A sun in the zenith casts no shadow beyond the hull; on black water the blurred shadow is not seen.
    paint_ship(np.random.default_rng(0), sea, ship, (0.0, 0.0))
    placed = footprint(ship, sea.shape)
    assert placed is not None
    covered = np.zeros(sea.shape[:2], bool)
    covered[placed.window] = placed.coverage > 0
    assert not sea[~covered].any()
    inside = np.zeros_like(covered)
    inside[placed.window] = placed.coverage == 1
    assert sea[inside].max(axis=1).min() > 0


def test_a_ship_beyond_the_border_is_cut_and_one_outside_has_no_footprint() -> None:
    whole = footprint(Ship("tanker", 200, 200, 0, 200, 30), (400, 400))
    cut = footprint(Ship("tanker", 0, 200, 0, 200, 30), (400, 400))
    assert whole is not None
    assert cut is not None
    assert cut.left == 0
    assert cut.mask.sum() == pytest.approx(whole.mask.sum() / 2, rel=0.12)
    assert footprint(Ship("tanker", -300, 200, 0, 200, 30), (400, 400)) is None


def test_areas_are_distributed_like_the_airbus_labels() -> None:
    rng = np.random.default_rng(0)
    ships = [draw_ship(rng, 0, 0, 0, longest_px=420) for _ in range(3000)]
    areas_px = [shoelace(ship.outline()) for ship in ships]
    for quantile, real_px in ((0.10, 62), (0.25, 135), (0.50, 615), (0.75, 2554), (0.95, 10183)):
        assert np.quantile(areas_px, quantile) == pytest.approx(real_px, rel=0.35)
    assert max(ship.length_px for ship in ships) <= 420
    assert {ship.kind for ship in ships} == set(DECKS)
