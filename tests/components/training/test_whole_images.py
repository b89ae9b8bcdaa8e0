from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from training_records import write_scenes

from components.errors import TrainingError
from components.training.settings import ClassifierSettings
from components.training.whole_images import eval_images, shrink, training_images

AUGMENTATIONS = ("augment_flips", "augment_rotations", "augment_colour")
ALL, NONE = dict.fromkeys(AUGMENTATIONS, True), dict.fromkeys(AUGMENTATIONS, False)
SETTINGS = ClassifierSettings(input_px=64, batch_size=8, **NONE)


@pytest.mark.parametrize("cache_mb", [0, 100], ids=["decoded again", "cached"])
@pytest.mark.parametrize("augment", [False, True])
def test_batches_are_balanced_and_labelled(tmp_path: Path, cache_mb: int, augment: bool) -> None:
    patterns = write_scenes(tmp_path / "train", [0] * 9 + [2])
    settings = SETTINGS.model_copy(update={"cache_mb": cache_mb, **dict.fromkeys(AUGMENTATIONS, augment)})
    for images, labels in training_images(patterns, settings).take(2):
        assert images.shape == (8, 64, 64, 3)
        assert labels.shape == (8, 1)
        assert labels.numpy().sum() == 4
        # Bright ships on a dark sea.
        bright = np.ptp(images.numpy().mean(axis=-1), axis=(1, 2)) > 60
        np.testing.assert_array_equal(bright, labels.numpy()[:, 0] > 0)


def test_same_seed_same_images(tmp_path: Path) -> None:
    patterns = write_scenes(tmp_path / "train", [0, 1, 2, 0])
    settings = SETTINGS.model_copy(update=ALL)
    first, again = (next(iter(training_images(patterns, settings)))[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_shrinking_averages_areas() -> None:
    image = tf.constant(np.kron([[0, 255], [255, 0]], np.ones((4, 4)))[..., None].repeat(3, 2), tf.uint8)
    assert shrink(image, 2).numpy()[..., 0].tolist() == [[0, 255], [255, 0]]
    assert shrink(image, 1).numpy().ravel().tolist() == [128] * 3


def test_eval_images_come_from_both_kinds(tmp_path: Path) -> None:
    patterns = write_scenes(tmp_path / "eval", [0] * 9 + [1] * 3)
    labelled = eval_images(patterns, SETTINGS.model_copy(update={"eval_images": 8}))
    assert labelled.images.shape == (8, 64, 64, 3)
    assert labelled.images.dtype == np.uint8
    assert labelled.labels.sum() == 3
    assert eval_images(patterns, SETTINGS).labels.tolist() == [False] * 9 + [True] * 3


def test_one_kind_alone_is_an_error(tmp_path: Path) -> None:
    for kind, ships in (("with", [0, 0]), ("without", [1, 2])):
        patterns = write_scenes(tmp_path / kind, ships)
        with pytest.raises(TrainingError, match=f"no training image {kind} ships"):
            training_images(patterns, SETTINGS)
        with pytest.raises(TrainingError, match=f"eval split has no image {kind} ships"):
            eval_images(patterns, SETTINGS)
