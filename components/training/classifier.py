"""Trainer "Classifier": does an image show a ship? TFX calls `run_fn` by its dotted path."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.training.candidate import checkpoint_of, save_candidate, settings_of
from components.training.devices import predict, training_devices
from components.training.fitting import Evaluate, fit
from components.training.networks.origin import weights_origin
from components.training.networks.registry import CLASSIFIERS
from components.training.scores import roc_auc
from components.training.settings import ClassifierSettings
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
    keras.utils.set_random_seed(settings.seed)
    checkpoint = checkpoint_of(fn_args, STAGE)
    build = CLASSIFIERS[settings.architecture]
    with training_devices(STAGE, settings):
        model = build(settings)
        images = training_images(fn_args.train_files, settings)
        score = score_on(eval_images(fn_args.eval_files, settings), settings.batch_size)
        epochs = fit(
            STAGE,
            model,
            images,
            loss=cross_entropy,
            evaluate=score,
            settings=settings,
            checkpoint=checkpoint,
            log_dir=fn_args.model_run_dir,
        )
    # Anew: in single precision and for any device, whatever it was trained in and on.
    trained = build(settings)
    trained.set_weights(model.get_weights())
    save_candidate(trained, epochs, settings, fn_args.serving_model_dir, weights_origin(settings))
    checkpoint.remove()


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
