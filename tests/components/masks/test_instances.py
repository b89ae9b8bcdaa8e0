import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.masks import rle
from components.masks.instances import box_pixels, instances, stream_instances


def test_pixels_that_touch_at_a_corner_are_one_ship():
    mask = np.zeros((6, 9), np.uint8)
    mask[1, 1] = mask[2, 2] = 255
    mask[0:2, 6:9] = 1
    large, small = instances(mask)
    assert (large.top, large.left, large.height, large.width, large.area_px) == (0, 6, 2, 3, 6)
    assert (small.top, small.left, small.height, small.width, small.area_px) == (1, 1, 2, 2, 2)
    assert small.encoded == "8 1 15 1"


def test_small_ones_are_left_out():
    mask = np.zeros((6, 9), bool)
    mask[0, 0] = mask[3, 3:6] = True
    assert [one.area_px for one in instances(mask, min_area_px=2)] == [3]
    assert instances(np.zeros((4, 4), bool)) == []


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_ships_make_up_the_mask_and_do_not_overlap(height, width, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    drawn = sum(
        (rle.decode(one.encoded, height, width).astype(int) for one in instances(mask)),
        np.zeros((height, width), int),
    )
    np.testing.assert_array_equal(drawn, mask)


@given(st.integers(1, 40), st.integers(1, 24), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1))
def test_bands_give_the_same_ships_as_the_whole(height, width, density, seed):
    random = np.random.default_rng(seed)
    mask = random.random((height, width)) < density
    cuts = np.sort(random.integers(0, height + 1, random.integers(0, 6)))
    streamed = list(stream_instances(np.split(mask, cuts), height))
    assert sorted(streamed, key=lambda one: (-one.area_px, one.top, one.left)) == instances(mask)


def test_a_ship_is_told_as_soon_as_it_ends():
    told = []

    def bands():
        for row in range(6):
            yield np.array([[row < 2, False, True]])
            told.append(row)

    first = next(stream_instances(bands(), 6))
    assert (first.left, first.height) == (0, 2)
    assert told == [0, 1]


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_a_box_holds_its_ship_alone(height, width, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    for one in instances(mask):
        whole = rle.decode(one.encoded, height, width)
        box = whole[one.top : one.top + one.height, one.left : one.left + one.width]
        np.testing.assert_array_equal(box_pixels(one, height), box)
        assert box.sum() == one.area_px
