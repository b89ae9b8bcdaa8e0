import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.masks import rle, rle_graph

Mask = npt.NDArray[np.uint8]

ENCODE = tf.function(rle_graph.encode, input_signature=[tf.TensorSpec([None, None], tf.uint8)])
DECODE = tf.function(
    rle_graph.decode,
    input_signature=[
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ],
)


def decoded(rows: list[str], height: int, width: int) -> Mask:
    mask: Mask = DECODE(tf.constant(rows, tf.string, [len(rows)]), height, width).numpy()
    assert mask.dtype == np.uint8
    assert mask.shape == (height, width)
    return mask


def encoded(mask: Mask) -> str:
    return ENCODE(mask).numpy().decode()


def blobs(height: int, width: int, seed: int = 0) -> Mask:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(4):
        row, column = rng.integers(0, height), rng.integers(0, width)
        mask[row : row + 5, column : column + 9] = 1
    return mask


MASKS = {
    "empty": np.zeros((20, 30), np.uint8),
    "full": np.ones((20, 30), np.uint8),
    "first and last pixel": np.eye(24, dtype=np.uint8),
    "over the foot of a column": np.pad(np.ones((6, 2), np.uint8), ((0, 0), (3, 1))),
    "one pixel": np.ones((1, 1), np.uint8),
    "one row": np.array([[0, 1, 1, 0, 1]], np.uint8),
    "one column": np.array([[1], [1], [0], [1]], np.uint8),
    "blobs": blobs(97, 41),
    "255 for ship": blobs(32, 64) * 255,
    "thousands of runs": (np.random.default_rng(0).random((96, 128)) < 0.5).astype(np.uint8),
}


@pytest.mark.parametrize("name", MASKS)
def test_agrees_with_the_numpy_codec(name: str) -> None:
    mask = MASKS[name]
    row = rle.encode(mask)
    assert encoded(mask) == row
    np.testing.assert_array_equal(decoded([row], *mask.shape), (mask > 0).astype(np.uint8))


def test_a_mask_of_thousands_of_runs_is_a_long_row() -> None:
    assert len(encoded(MASKS["thousands of runs"]).split()) > 2 * 2500


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_mask_survives_the_way_there_and_back(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    pixels = data.draw(st.lists(st.integers(0, 1), min_size=height * width, max_size=height * width))
    mask = np.array(pixels, np.uint8).reshape(height, width)
    assert encoded(mask) == rle.encode(mask)
    np.testing.assert_array_equal(decoded([encoded(mask)], height, width), mask)


def test_rows_are_united_even_where_they_overlap_or_touch() -> None:
    one, other = blobs(40, 50, 1), blobs(40, 50, 2)
    union = decoded([rle.encode(one), "", rle.encode(other), rle.encode(one)], 40, 50)
    np.testing.assert_array_equal(union, one | other)
    np.testing.assert_array_equal(decoded(["1 3", "4 2"], 10, 1)[:, 0], [1] * 5 + [0] * 5)


@pytest.mark.parametrize("rows", [[], [""], ["", "  "]])
def test_no_rows_draw_nothing(rows: list[str]) -> None:
    assert not decoded(rows, 7, 5).any()


@pytest.mark.parametrize("row", ["1 2 3", "0 4", "35 2", "3 0", "5 -1", "a b", "1.5 2", f"2 {2**63 - 1}"])
def test_rows_that_do_not_fit_the_image_raise(row: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoded([row], 7, 5)


def test_two_odd_rows_do_not_pass_for_an_even_one() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="odd number"):
        decoded(["1 2 3", "4 5 6"], 7, 5)
