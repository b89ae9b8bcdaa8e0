"""Large images: windows give what the model would give on the whole."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import cv2
import numpy as np
import pytest

from components.masks import rle
from components.masks.instances import instances
from pipeline.prediction.journal import Picture
from pipeline.prediction.scenes import HALO_PX, TILE_PX, find_ships, spans
from pipeline.serving.detectors import Found


class _Painting:
    """A mask as an image, handed out row by row."""

    def __init__(self, mask):
        self.picture = Picture("scene", *mask.shape)
        self._pixels = np.repeat(mask[..., None].astype(np.uint8) * 200 + 10, 3, axis=2)
        self._next = 0

    def rows(self, top, bottom):
        assert top == self._next, "rows are to be read once and in order"
        self._next = bottom
        return self._pixels[top:bottom]


class _Bright:
    """Bright is ship, but at the edge of a window nothing is recognized; some windows are silenced."""

    version = 1

    def __init__(self, silent=()):
        self.asked = 0
        self._silent = silent

    def find(self, image):
        self.asked += 1
        mask = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE) > 100
        if self.asked in self._silent:
            return Found("", 0.25)
        if mask.any():
            mask[:32] = mask[-32:] = mask[:, :32] = mask[:, -32:] = False
        return Found(rle.encode(mask), 0.75)


def _ships(mask, detector=None):
    # One thread, so that the windows come in order.
    with ThreadPoolExecutor(1) as pool:
        return list(find_ships(_Painting(mask), detector or _Bright(), pool, 1, lambda left: None))


@pytest.mark.parametrize("length", [1, 31, TILE_PX, TILE_PX + 1, TILE_PX + 33, 1777, 2825, 20_000])
def test_windows_cover_an_axis_once_with_a_halo_around_each_core(length):
    axis = spans(length)
    assert axis[0].start == axis[0].core_start == 0
    assert axis[-1].end == axis[-1].core_end == length
    for before, after in pairwise(axis):
        assert before.core_end == after.core_start
        assert before.end - before.core_end >= HALO_PX
        assert after.core_start - after.start >= HALO_PX
    for span in axis:
        assert span.start % 32 == 0
        assert span.core_start < span.core_end
        assert span.end - span.start in range(min(length, TILE_PX), TILE_PX + 32)


def test_ships_across_borders_are_whole():
    mask = np.zeros((2100, 1900), bool)
    random = np.random.default_rng(0)
    for top, left in random.integers(40, 1750, (150, 2)):
        mask[top : top + random.integers(1, 90), left : left + random.integers(1, 90)] = True
    # Along every row and column of cores, and over all of them.
    mask[900, 40:-40] = mask[40:-40, 890] = True
    found = [one.instance for one in _ships(mask)]
    assert sorted(found, key=lambda one: (-one.area_px, one.top, one.left)) == instances(mask)


def test_a_silenced_window_leaves_a_ship_at_its_border_whole():
    mask = np.zeros((900, 1900), bool)
    border = spans(1900)[0].core_end
    mask[100:120, border - 50 : border + 50] = True
    (ship,) = _ships(mask, _Bright(silent=[2]))
    assert ship.instance.area_px == 20 * 100
    assert ship.score == 0.75


def test_black_windows_are_not_asked_about():
    detector = _Bright()
    image = _Painting(np.zeros((100, 3000), bool))
    image._pixels[:, :] = 0
    image._pixels[50:60, 2900:2910] = 200
    with ThreadPoolExecutor(1) as pool:
        (ship,) = find_ships(image, detector, pool, 1, lambda left: None)
    assert (ship.instance.left, ship.instance.area_px, detector.asked) == (2900, 100, 1)
