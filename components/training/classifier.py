"""Trainer "Classifier": does an image show a ship? TFX calls `run_fn` by its dotted path."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.training.candidate import settings_of
from components.training.devices import predict
from components.training.fitting import Evaluate
from components.training.networks.registry import CLASSIFIERS
from components.training.scores import roc_auc
from components.training.settings import ClassifierSettings
from components.training.trainer import train
from components.training.whole_images import LabelledImages, eval_images, training_images

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

STAGE = "Classifier"


def run_fn(fn_args: "FnArgs") -> None:
    """Train a classifier and write it to `fn_args.serving_model_dir`.

    Raises:
        SettingsError: the settings in custom_config do not fit.
        TrainingError: there is nothing to train on or to score with, or training has diverged.
    """
    settings = settings_of(fn_args, ClassifierSettings)

    def data() -> tuple[tf.data.Dataset, Evaluate]:
        images = training_images(fn_args.train_files, settings)
        return images, score_on(eval_images(fn_args.eval_files, settings), settings.batch_size)

    train(STAGE, fn_args, settings, build=CLASSIFIERS[settings.architecture], loss=cross_entropy, data=data)


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Mean binary cross-entropy of labels [N, 1] of 0 and 1 and logits of the same shape.

    Keras' own rather than one of `losses`: an edited segmentation loss must not retrain the classifier. Its
    function rather than its class, which divides by the number of devices also where it judges.
    """
    return keras.ops.mean(keras.losses.binary_crossentropy(labels, logits, from_logits=True))


def score_on(labelled: LabelledImages, batch_size: int) -> Evaluate:
    """How to judge a classifier: `score` (ROC AUC, 0-1) and `loss` (cross-entropy) over `labelled`."""

    def evaluate(model: keras.Model) -> dict[str, float]:
        starts = range(0, len(labelled.images), batch_size)
        batches = [labelled.images[start : start + batch_size].astype(np.float32) for start in starts]
        logits = np.concatenate([predict(model, batch) for batch in batches])
        loss = float(cross_entropy(labelled.labels[:, None].astype(np.float32), logits))
        return {"score": roc_auc(labelled.labels, logits[:, 0]), "loss": loss}

    return evaluate
