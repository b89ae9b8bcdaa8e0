import numpy as np
import pytest
import tensorflow as tf

from components.training.augmentation import turn

SQUARE = np.arange(9).reshape(3, 3, 1)
TURNED = [np.rot90(SQUARE, turns).tobytes() for turns in range(4)]
MIRRORED = [np.rot90(SQUARE[:, ::-1], turns).tobytes() for turns in range(4)]


@pytest.mark.parametrize(
    ("flips", "rotations", "allowed"),
    [
        (True, True, {*TURNED, *MIRRORED}),
        (False, True, {*TURNED}),
        # Across, along, and both, which is half a turn.
        (True, False, {TURNED[0], TURNED[2], MIRRORED[0], MIRRORED[2]}),
        (False, False, {TURNED[0]}),
    ],
)
def test_every_allowed_turn_and_flip_is_as_likely_as_the_others(flips, rotations, allowed) -> None:
    turned = tf.data.Dataset.range(400).map(lambda i: turn(SQUARE, tf.stack([i, i]), flips, rotations))
    found = [image.tobytes() for image in turned.as_numpy_iterator()]
    assert set(found) == allowed
    counts = [found.count(image) for image in allowed]
    assert min(counts) > 0.5 * 400 / len(allowed)
