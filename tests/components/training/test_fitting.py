"""The training loop that both trainers share."""

import logging
from collections.abc import Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.training.fitting import fit
from components.training.losses import bce
from components.training.settings import ScheduleSettings

MOMENTUM = 0.8


def _weights_by_epoch(
    weight_averaging: float, scores: Sequence[float] = range(1, 6)
) -> tuple[list[NDArray], NDArray]:
    """Weights as each epoch of one step was judged with, and those that are kept."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))
    rng = np.random.default_rng(0)
    images = rng.random((5, 2, 4, 4, 3), np.float32)
    masks = (images[..., :1] > 0.5).astype(np.float32)
    seen: list[NDArray] = []

    def evaluate(model: keras.Model) -> dict[str, float]:
        seen.append(model.get_weights()[0])
        return {"score": float(scores[len(seen) - 1]), "loss": 0.0}

    settings = ScheduleSettings(
        steps=5, steps_per_epoch=1, warm_up_steps=0, learning_rate=0.1, weight_averaging=weight_averaging
    )
    fit(
        "test",
        model,
        tf.data.Dataset.from_tensor_slices((images, masks)).repeat(),
        loss=bce,
        evaluate=evaluate,
        settings=settings,
    )
    return seen, model.get_weights()[0]


def test_averaged_weights_are_judged_and_kept_while_training_goes_on_with_its_own():
    trained, _ = _weights_by_epoch(0.0)
    averaged, kept = _weights_by_epoch(MOMENTUM)
    expected = trained[0]
    for weights, average in zip(trained, averaged, strict=True):
        expected = MOMENTUM * expected + (1 - MOMENTUM) * weights
        np.testing.assert_allclose(average, expected, atol=1e-6)
    np.testing.assert_array_equal(kept, averaged[-1])
    assert not np.allclose(kept, trained[-1], atol=1e-3)


@pytest.mark.parametrize(("scores", "warned"), [([0.0] * 5, True), ([0.0, 0.1, 0.0, 0.0, 0.0], False)])
def test_a_training_that_finds_nothing_says_so(
    scores: list[float], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ships.training"):
        _weights_by_epoch(0.0, scores)
    assert ("test found nothing on the eval split" in caplog.text) == warned
