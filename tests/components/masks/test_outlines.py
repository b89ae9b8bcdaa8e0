import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from components.masks.outlines import doubled_area, outlines


def test_a_box_has_the_corners_of_its_pixels():
    mask = np.zeros((6, 9), bool)
    mask[1:4, 2:7] = True
    (polygon,) = outlines(mask)
    assert sorted(map(tuple, polygon.outer.tolist())) == [(2, 1), (2, 4), (7, 1), (7, 4)]
    assert polygon.holes == ()


def test_a_line_one_pixel_wide_has_an_area():
    mask = np.zeros((3, 5), np.uint8)
    mask[1] = 255
    (polygon,) = outlines(mask)
    assert abs(doubled_area(polygon.outer)) == 2 * 5


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.2, 0.9), st.integers(0, 2**32 - 1))
def test_polygons_cover_the_pixels_and_nothing_else(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    centres = np.argwhere(np.ones_like(mask))[:, ::-1] + 0.5
    covered = np.zeros(mask.size, int)
    area = 0.0
    for polygon in outlines(mask):
        inside = points_in_poly(centres, polygon.outer).astype(int)
        area += abs(doubled_area(polygon.outer)) / 2
        # A ring that touches itself would be no valid one.
        assert len(np.unique(polygon.outer, axis=0)) == len(polygon.outer)
        for hole in polygon.holes:
            assert len(np.unique(hole, axis=0)) == len(hole)
            inside -= points_in_poly(centres, hole)
            area -= abs(doubled_area(hole)) / 2
        covered += inside
    np.testing.assert_array_equal(covered.reshape(mask.shape), mask)
    assert area == mask.sum()
