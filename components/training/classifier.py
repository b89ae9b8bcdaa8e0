"""Trainer "Classifier": does an image show a ship? TFX calls `run_fn` by its dotted path."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.training.candidate import settings_of
from components.training.crops import EvalWindow, FromStep, eval_windows, training_crops
from components.training.devices import predict_image
from components.training.fitting import Evaluate
from components.training.networks.registry import CLASSIFIERS
from components.training.scores import roc_auc
from components.training.settings import CELL_PX, ENCODER_STRIDE_PX, ClassifierSettings
from components.training.trainer import train

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

STAGE = "Classifier"
# Both parts count about alike when training begins.
_SHIP_WEIGHT, _CELL_WEIGHT = 0.5, 4.0


def run_fn(fn_args: "FnArgs") -> None:
    """Train a classifier and write it to `fn_args.serving_model_dir`.

    Raises:
        SettingsError: the settings in custom_config do not fit.
        TrainingError: there is nothing to train on or to score with, or training has diverged.
    """
    settings = settings_of(fn_args, ClassifierSettings)

    def data() -> tuple[FromStep, Evaluate]:
        crops = training_crops(fn_args.train_files, settings)
        half = settings.eval_images // 2
        windows = eval_windows(fn_args.eval_files, ships=half, empties=half)

        def with_cells(step: int) -> tf.data.Dataset:
            return crops(step).map(lambda images, masks: (images, cells_of(masks)))

        return with_cells, score_on(windows)

    train(STAGE, fn_args, settings, build=CLASSIFIERS[settings.architecture], loss=presence_loss, data=data)


def cells_of(masks: tf.Tensor) -> tf.Tensor:
    """Whether a cell of 16 px shows a piece of a ship: float32 [N, H / 16, W / 16, 1] of [N, H, W, 1]."""
    return tf.nn.max_pool2d(masks, CELL_PX, CELL_PX, "VALID")


def presence_loss(cells: Any, logits: Any) -> Any:
    """Cross-entropy of the cells, those with ships and those without weighed apart, and of the whole images.

    An image shows a ship if any cell does, so its logit is the highest of its cells. Its own term ties the
    scale of that one to the question that the classifier is asked; the cells say where to look, which on a
    few hundred images the labels of images alone do not teach.

    Keras' own cross-entropy rather than one of `losses`: an edited segmentation loss must not retrain the
    classifier. Its function rather than its class, which divides by the number of devices also where it
    judges.

    Args:
        cells: [N, h, w, 1], 1 where a cell shows a piece of a ship, else 0.
        logits: of the same shape.
    """
    losses = keras.ops.binary_crossentropy(cells, logits, from_logits=True)
    with_ship = keras.ops.sum(losses * cells) / (keras.ops.sum(cells) + 1)
    # The mean over all cells: nearly all of them show none, and nearly all of those are easy.
    return _SHIP_WEIGHT * with_ship + _CELL_WEIGHT * keras.ops.mean(losses) + _image_loss(cells, logits)


def _image_loss(cells: Any, logits: Any) -> Any:
    labels, highest = (keras.ops.max(maps, (1, 2)) for maps in (cells, logits))
    return keras.ops.mean(keras.losses.binary_crossentropy(labels, highest, from_logits=True))


def score_on(windows: list[EvalWindow]) -> Evaluate:
    """How to judge a classifier on `windows`, some of them with ships: `score` (ROC AUC, 0-1) and `loss`."""
    labels = np.array([mask.any() for _, mask in windows])

    def evaluate(model: keras.Model) -> dict[str, float]:
        highest = np.array([predict_image(model, image, ENCODER_STRIDE_PX).max() for image, _ in windows])
        loss = keras.losses.binary_crossentropy(labels.astype(np.float32), highest, from_logits=True)
        return {"score": roc_auc(labels, highest), "loss": float(loss)}

    return evaluate
