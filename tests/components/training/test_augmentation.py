import numpy as np
import pytest
import tensorflow as tf

from components.training.augmentation import recolour, turn

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


def test_colours_change_about_the_mean_of_each_image() -> None:
    images = tf.constant(np.random.default_rng(0).uniform(80, 170, (4, 32, 32, 3)), tf.float32)
    changed = recolour(images, tf.constant([1, 2], tf.int64)).numpy()
    spread = changed.std(axis=(1, 2)) / images.numpy().std(axis=(1, 2))
    # Contrast by image, colour balance by channel.
    assert np.ptp(spread.mean(axis=1)) > 0.02
    assert (np.ptp(spread, axis=1) > 0.001).all()
    assert (spread > 0.75 * 0.92 - 0.01).all()
    assert (spread < 1.25 * 1.08 + 0.01).all()
    # A mean moves by the brightness alone, which is common to the channels.
    moved = (changed - images).numpy().mean(axis=(1, 2))
    assert (np.abs(moved) <= 25).all()
    np.testing.assert_allclose(moved, moved[:, :1].repeat(3, 1), atol=0.01)
