"""The training that both trainers share: Keras' `fit` under a `Course`, keeping the best epoch's weights."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.errors import TrainingError
from components.progress import Meter
from components.training.checkpoint import Checkpoint, State
from components.training.course import Course
from components.training.crops import FromStep
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
    batches: FromStep,
    *,
    loss: Callable[[Any, Any], Any],
    evaluate: Evaluate,
    settings: ScheduleSettings,
    checkpoint: Checkpoint | None = None,
    log_dir: str | None = None,
) -> list[EpochFigures]:
    """Train `model`; afterwards it holds the weights of the epoch that scored best.

    A pretrained encoder is frozen for the first steps, so that the random decoder does not spoil it, and then
    trained with it at a rate of its own.

    Args:
        stage: name for progress and messages.
        batches: from the step that a phase begins with on, endless batches of (images, targets).
        loss: of targets and logits.
        evaluate: figures on the eval split.
        settings: the schedule.
        checkpoint: kept current after each epoch; a training that was killed goes on from it, with the crops
            that would have come next.
        log_dir: where TensorBoard's curves go.

    Returns:
        Figures of each epoch; `best` is 1 for the one whose weights were kept.

    Raises:
        TrainingError: the loss is not finite, or memory has run out.
    """
    course = Course.planned(settings, pretrained=set_encoder_training(model, tuned=False))
    with Meter(stage, course.steps, "steps") as meter:
        watch = _Watch(stage, course, evaluate, meter, checkpoint)
        resumed = checkpoint.load() if checkpoint else None
        if resumed:
            watch.go_on_from(resumed)
        curves = [keras.callbacks.TensorBoard(log_dir, write_graph=False)] if log_dir else []
        while not watch.finished:
            set_encoder_training(model, tuned=not watch.course.frozen(watch.step))
            # XLA made the plain U-Net three times slower on CPU (TF 2.16: 564 against 188 ms a step). JAX
            # has nothing else: without it each operation would be dispatched by itself.
            optimizer = keras.optimizers.Adam(
                watch.course.learning_rate(watch.step),
                use_ema=bool(settings.weight_averaging),
                ema_momentum=settings.weight_averaging,
            )
            model.compile(optimizer, _shared_by_replicas(loss), jit_compile=keras.backend.backend() == "jax")
            # Keras would do so in the first step; what is saved before that is to be whole.
            model.optimizer.build(model.trainable_variables)
            upcoming = batches(watch.phase_start if resumed else watch.step)
            if resumed:
                _assign(model.optimizer.variables, resumed.arrays["optimizer"])
                _assign(model.weights, resumed.arrays["weights"])
                upcoming, resumed = upcoming.skip(watch.step - watch.phase_start), None
            # Before the watch, which is to judge the averaged weights. One of its own for each phase: it
            # remembers which weights the model holds, and the averages are the optimizer's.
            averaging = (
                [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if settings.weight_averaging else []
            )
            _fit_within_memory(
                model,
                stage,
                upcoming,
                # The watch ends each phase; there cannot be more epochs than steps.
                epochs=len(watch.epochs) + settings.steps,
                initial_epoch=len(watch.epochs),
                steps_per_epoch=settings.steps_per_epoch,
                # The dataset shuffles itself, and Keras warns of the default.
                shuffle=False,
                callbacks=[*averaging, watch, *curves],
                verbose=0,
            )
    watch.restore_best()
    return watch.epochs


def _fit_within_memory(model: keras.Model, stage: str, batches: tf.data.Dataset, **options: Any) -> None:
    try:
        model.fit(batches, **options)
    # Each backend has an exception of its own, with the same code in its text.
    except Exception as error:
        if "RESOURCE_EXHAUSTED" not in str(error) and not isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        section = stage.lower()
        raise TrainingError(
            f"{stage} ran out of memory: lower {section}.batch_size or {section}.crop_px "
            f"({str(error).splitlines()[0]})"
        ) from error


def _shared_by_replicas(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The part of a replica's loss that makes the mean of all of them: gradients and losses are summed."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return loss if replicas == 1 else lambda targets, logits: loss(targets, logits) / replicas


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class _Watch(keras.callbacks.Callback):
    """Sets the rate of each step, judges each epoch and ends the phases of a course."""

    def __init__(
        self, stage: str, course: Course, evaluate: Evaluate, meter: Meter, checkpoint: Checkpoint | None
    ) -> None:
        super().__init__()
        self.course = course
        self.step = 0
        self.epochs: list[EpochFigures] = []
        self.finished = False
        self.phase_start = 0
        self._stage, self._evaluate, self._meter = stage, evaluate, meter
        self._checkpoint, self._resumed = checkpoint, False
        self._started = time.monotonic()
        self._best = (-math.inf, -math.inf)
        self._best_weights: list[Any] = []
        self._stale_epochs = 0
        self._frozen = False
        self._pace_step, self._pace_started = 0, 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """A phase begins: whether the encoder is frozen stays as it is until the phase ends."""
        self._frozen = self.course.frozen(self.step)
        self._pace_step = -1
        if not self._resumed:
            self.phase_start = self.step
            # The fresh optimizer first makes things worse; that must not use up the patience.
            self._stale_epochs = 0
        self._resumed = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the state that the epoch begins with.

        Not when the one before ends: with averaging, the model holds the averaged weights there.
        """
        if not self._checkpoint or not self.epochs or self.epochs[-1]["step"] != self.step:
            return
        self._checkpoint.save(
            State(
                {
                    "step": self.step,
                    "phase_start": self.phase_start,
                    "elapsed_s": time.monotonic() - self._started,
                    "course": [self.course.steps, self.course.frozen_steps],
                    "epochs": self.epochs,
                    "best": self._best,
                    "stale_epochs": self._stale_epochs,
                },
                {
                    "weights": self.model.get_weights(),
                    "best_weights": self._best_weights,
                    "optimizer": [np.asarray(variable) for variable in self.model.optimizer.variables],
                },
            )
        )

    def go_on_from(self, state: State) -> None:
        """Take over what a killed training had reached."""
        progress = state.progress
        self.step, self.phase_start = progress["step"], progress["phase_start"]
        steps, frozen_steps = progress["course"]
        self.course = replace(self.course, steps=steps, frozen_steps=frozen_steps)
        self.epochs, self._best = progress["epochs"], tuple(progress["best"])
        self._best_weights, self._stale_epochs = list(state.arrays["best_weights"]), progress["stale_epochs"]
        self._started -= progress["elapsed_s"]
        self._resumed = True
        self._meter.expect(steps)
        self._meter.advance(self.step)
        LOGGER.info("%s goes on from step %d", self._stage, self.step)

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
        if not best["eval_score"]:
            LOGGER.warning(
                "%s found nothing on the eval split in any epoch: train longer, or with another seed",
                self._stage,
            )

    def _end_phase_when_due(self) -> None:
        self.finished |= self.step >= self.course.steps
        thawed = self._frozen and not self.course.frozen(self.step)
        if self.finished or thawed:
            self.model.stop_training = True
