import numpy as np
import pytest

from components.ship_example_gen.halving import halve


@pytest.mark.parametrize("levels", [2, 256])
@pytest.mark.parametrize(("shape", "times"), [((512, 768), 2), ((512, 768, 3), 3), ((64, 32), 5)])
def test_it_gives_the_means_of_blocks(shape, times, levels):
    # A part of a larger picture, as tiles without their left-over rim are.
    whole = np.random.default_rng(0).integers(0, levels, (shape[0] + 7, shape[1] + 9, *shape[2:]))
    picture = whole.astype(np.uint8)[: shape[0], : shape[1]]
    size = 2**times
    blocks = picture.reshape(shape[0] // size, size, shape[1] // size, size, -1)
    means = blocks.mean(axis=(1, 3)).reshape(shape[0] // size, shape[1] // size, *shape[2:])
    halved = halve(picture, times)
    assert halved.dtype == np.uint8
    assert np.abs(halved - means).max() <= times / 2


def test_a_block_knows_nothing_of_its_surroundings():
    picture = np.random.default_rng(0).integers(0, 256, (768, 768)).astype(np.uint8)
    np.testing.assert_array_equal(halve(picture, 2)[64:128, 128:], halve(picture[256:512, 512:], 2))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (50, 3, 3)])
def test_nothing_is_too_small(shape):
    halved = halve(np.full(shape, 7, np.uint8), 3)
    assert halved.min() == halved.max() == 7
    assert halved.shape[:2] == tuple(max(1, length // 8) for length in shape[:2])
