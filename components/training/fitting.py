"""The training that both trainers share: Keras' `fit` under a `Course`, keeping the best epoch's weights."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from components.errors import TrainingError
from components.progress import Meter
from components.training.course import Course
from components.training.networks.encoders import set_encoder_training
from components.training.settings import ScheduleSettings

LOGGER = logging.getLogger("ships.training")

# Figures of a model on the eval split. "score" picks the best epoch (higher is better), "loss" breaks ties.
Evaluate = Callable[[keras.Model], dict[str, float]]
# Figures of an epoch, as they go into history.json.
EpochFigures = dict[str, float | int | str]


def fit(
    stage: str,
    model: keras.Model,
    batches: tf.data.Dataset,
    *,
    loss: Callable[[Any, Any], Any],
    evaluate: Evaluate,
    settings: ScheduleSettings,
    log_dir: str | None = None,
) -> list[EpochFigures]:
    """Train `model`; afterwards it holds the weights of the epoch that scored best.

    A pretrained encoder is frozen for the first steps, so that the random decoder does not spoil it, and then
    trained with it at a rate of its own.

    Args:
        stage: name for progress and messages.
        batches: endless batches of (images, targets).
        loss: of targets and logits.
        evaluate: figures on the eval split.
        settings: the schedule.
        log_dir: where TensorBoard's curves go.

    Returns:
        Figures of each epoch; `best` is 1 for the one whose weights were kept.

    Raises:
        TrainingError: the loss is not finite.
    """
    course = Course.planned(settings, pretrained=set_encoder_training(model, tuned=False))
    with Meter(stage, course.steps, "steps") as meter:
        watch = _Watch(stage, course, evaluate, meter)
        # Before the watch, which is to judge the averaged weights.
        averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if settings.weight_averaging else []
        callbacks: list[keras.callbacks.Callback] = [*averaging, watch]
        if log_dir:
            callbacks.append(keras.callbacks.TensorBoard(log_dir, write_graph=False))
        while not watch.finished:
            set_encoder_training(model, tuned=not watch.course.frozen(watch.step))
            # XLA made the plain U-Net three times slower on CPU (TF 2.16: 564 against 188 ms a step).
            optimizer = keras.optimizers.Adam(
                watch.course.learning_rate(watch.step),
                use_ema=bool(settings.weight_averaging),
                ema_momentum=settings.weight_averaging,
            )
            model.compile(optimizer, loss, jit_compile=False)
            model.fit(
                batches,
                # The watch ends each phase; there cannot be more epochs than steps.
                epochs=len(watch.epochs) + settings.steps,
                initial_epoch=len(watch.epochs),
                steps_per_epoch=settings.steps_per_epoch,
                # The dataset shuffles itself, and Keras warns of the default.
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    watch.restore_best()
    return watch.epochs


class _Watch(keras.callbacks.Callback):
    """Sets the rate of each step, judges each epoch and ends the phases of a course."""

    def __init__(self, stage: str, course: Course, evaluate: Evaluate, meter: Meter) -> None:
        super().__init__()
        self.course = course
        self.step = 0
        self.epochs: list[EpochFigures] = []
        self.finished = False
        self._stage, self._evaluate, self._meter = stage, evaluate, meter
        self._started = time.monotonic()
        self._best = (-math.inf, -math.inf)
        self._best_weights: list[Any] = []
        self._stale_epochs = 0
        self._frozen = False
        self._pace_step, self._pace_started = 0, 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """A phase begins: whether the encoder is frozen stays as it is until the phase ends."""
        self._frozen = self.course.frozen(self.step)
        # The fresh optimizer first makes things worse; that must not use up the patience.
        self._stale_epochs = 0
        self._pace_step = -1

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the rate of this step."""
        self.model.optimizer.learning_rate = self.course.learning_rate(self.step)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step; stop a diverged training and a finished phase."""
        self.step += 1
        # Keras reports the mean since the epoch began, in which one NaN stays NaN.
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            settings = self.course.settings
            raise TrainingError(
                f"{self._stage} diverged: the loss is {loss} at step {self.step}; lower learning_rate (now "
                f"{settings.learning_rate}) or fine_tune_learning_rate "
                f"(now {settings.fine_tune_learning_rate})"
            )
        self._meter.advance(loss=loss)
        if self._pace_step < 0:
            # Compiling the graph in the first step says nothing about the pace.
            self._pace_step, self._pace_started = self.step, time.monotonic()
        self._end_phase_when_due()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the model, keep it if it is the best, fit the remaining course into the time."""
        logs = {} if logs is None else logs
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        figures = self._evaluate(self.model)
        now = time.monotonic()
        key = (figures["score"], -figures["loss"])
        better = key > self._best
        if better:
            self._best, self._best_weights = key, self.model.get_weights()
        self._stale_epochs = 0 if better else self._stale_epochs + 1
        logs.update({f"eval_{name}": value for name, value in figures.items()}, learning_rate=rate)
        self.epochs.append(
            {
                "epoch": len(self.epochs) + 1,
                "step": self.step,
                "minutes": round((now - self._started) / 60, 3),
                "encoder": "frozen" if self._frozen else "tuned",
                "best": 0,
                **logs,
            }
        )
        self._meter.advance(0, **{f"eval_{name}": value for name, value in figures.items()})
        LOGGER.info("%s, epoch %d: %s", self._stage, len(self.epochs), self.epochs[-1])
        if self.step > self._pace_step:
            step_s = (now - self._pace_started) / (self.step - self._pace_step)
            self.course = self.course.replanned(self.step, now - self._started, step_s)
            self._meter.expect(self.course.steps)
        self._pace_step, self._pace_started = self.step, now
        if self._stale_epochs >= self.course.settings.patience:
            self.finished = True
        self._end_phase_when_due()

    def restore_best(self) -> None:
        """Give the model the weights of its best epoch."""
        self.model.set_weights(self._best_weights)
        best = max(self.epochs, key=lambda epoch: (epoch["eval_score"], -float(epoch["eval_loss"])))
        best["best"] = 1

    def _end_phase_when_due(self) -> None:
        self.finished |= self.step >= self.course.steps
        thawed = self._frozen and not self.course.frozen(self.step)
        if self.finished or thawed:
            self.model.stop_training = True
