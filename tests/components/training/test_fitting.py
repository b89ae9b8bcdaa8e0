"""The training loop that both trainers share."""

import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.training.checkpoint import Checkpoint
from components.training.fitting import EpochFigures, fit
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
        lambda _: tf.data.Dataset.from_tensor_slices((images, masks)).repeat(),
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


class _KilledError(Exception):
    pass


def _with_encoder() -> keras.Model:
    """A small network whose encoder is frozen at first, all but its last layer for good."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    maps = [image]
    for _ in range(3):
        maps.append(keras.layers.Conv2D(4, 3, padding="same", activation="relu")(maps[-1]))
    encoder = keras.Model(image, maps[1:], name="encoder")
    return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(encoder(image)[-1]))


def _batches_from(step: int) -> tf.data.Dataset:
    images = np.random.default_rng(step).random((8, 2, 8, 8, 3), np.float32)
    return tf.data.Dataset.from_tensor_slices((images, (images[..., :1] > 0.5).astype(np.float32))).repeat()


def _two_phases(
    weight_averaging: float, folder: Path | None = None, *, looks: int = 0, killed_in_epoch: int = 0
) -> tuple[list[NDArray], list[EpochFigures]]:
    """Weights and figures of a training whose encoder is tuned from its third step of eight on."""
    model = _with_encoder()

    def evaluate(_: keras.Model) -> dict[str, float]:
        nonlocal looks
        looks += 1
        if looks == killed_in_epoch:
            raise _KilledError
        return {"score": float(looks), "loss": 0.0}

    settings = ScheduleSettings(
        steps=8,
        frozen_steps=3,
        steps_per_epoch=2,
        warm_up_steps=0,
        learning_rate=0.1,
        fine_tune_learning_rate=0.1,
        weight_averaging=weight_averaging,
    )
    checkpoint = Checkpoint(str(folder), "test", "") if folder else None
    epochs = fit(
        "test", model, _batches_from, loss=bce, evaluate=evaluate, settings=settings, checkpoint=checkpoint
    )
    return model.get_weights(), epochs


@pytest.mark.parametrize("weight_averaging", [0.0, MOMENTUM])
@pytest.mark.parametrize("killed_in_epoch", [2, 3, 4])
def test_a_training_killed_in_either_phase_ends_as_if_it_had_not_been(
    killed_in_epoch: int, weight_averaging: float, tmp_path: Path
) -> None:
    whole, expected = _two_phases(weight_averaging)
    assert [epoch["encoder"] for epoch in expected] == ["frozen", "frozen", "tuned", "tuned", "tuned"]
    with pytest.raises(_KilledError):
        _two_phases(weight_averaging, tmp_path, killed_in_epoch=killed_in_epoch)
    resumed, epochs = _two_phases(weight_averaging, tmp_path, looks=killed_in_epoch - 1)
    assert [(epoch["step"], epoch["loss"]) for epoch in epochs] == [
        (epoch["step"], pytest.approx(epoch["loss"], abs=1e-6)) for epoch in expected
    ]
    for one, other in zip(resumed, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_averaging_begins_anew_when_the_encoder_is_tuned() -> None:
    plain, _ = _two_phases(0.0)
    averaged, _ = _two_phases(MOMENTUM)
    for one, other in zip(plain, averaged, strict=True):
        # Averages of another phase's optimizer would be zeros.
        np.testing.assert_allclose(one, other, atol=0.5)
        assert np.array_equal(one, 0 * one) == np.array_equal(other, 0 * other)
    assert any(not np.array_equal(*pair) for pair in zip(plain, averaged, strict=True))
