import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from skimage.measure import label

from components.masks.ships_graph import ships

Mask = npt.NDArray[np.uint8]

SHIPS = tf.function(ships, input_signature=[tf.TensorSpec([None, None], tf.uint8)], autograph=False)


def numbered(mask: Mask) -> npt.NDArray[np.int64]:
    """Each ship's number from 1 on, 0 elsewhere."""
    found = SHIPS(mask)
    image = np.zeros(mask.shape, np.int64)
    rows, columns = found.pixels.numpy().T
    image[rows, columns] = found.ship.numpy() + 1
    assert image.max(initial=0) == found.count
    return image


def assert_same_ships(mask: Mask) -> None:
    found, expected = numbered(mask), label(mask, connectivity=2)
    np.testing.assert_array_equal(found > 0, mask > 0)
    pairs = set(zip(found[mask > 0].tolist(), expected[mask > 0].tolist(), strict=True))
    assert len(pairs) == found.max(initial=0) == expected.max(initial=0)


@pytest.mark.parametrize("density", [0.05, 0.2, 0.35, 0.4, 0.5, 0.8])
def test_ships_are_those_of_skimage_at_any_density(density: float) -> None:
    rng = np.random.default_rng(0)
    for height, width in [(1, 1), (1, 40), (37, 1), (30, 50), (71, 64)]:
        assert_same_ships((rng.random((height, width)) < density).astype(np.uint8))


def test_nothing_and_everything() -> None:
    assert_same_ships(np.zeros((5, 7), np.uint8))
    assert_same_ships(np.ones((40, 33), np.uint8))


def test_a_long_winding_ship_is_one() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[::2] = 1
    # The rows are joined at alternating ends: one path through the whole image.
    mask[1::4, -1] = mask[3::4, 0] = 1
    assert_same_ships(mask)
    assert numbered(mask).max() == 1


def test_corners_touch() -> None:
    assert numbered(np.eye(9, dtype=np.uint8)).max() == 1
