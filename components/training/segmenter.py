"""Trainer "Segmenter": which pixels are ship. TFX calls `run_fn` by its dotted path."""

from typing import TYPE_CHECKING

import keras
import numpy as np

from components.training.candidate import settings_of
from components.training.crops import EvalWindow, FromStep, eval_windows, training_crops
from components.training.devices import predict_image
from components.training.fitting import Evaluate
from components.training.losses import LOSSES, Loss
from components.training.networks.registry import SEGMENTERS
from components.training.scores import hard_dice
from components.training.settings import ENCODER_STRIDE_PX, SegmenterSettings
from components.training.trainer import train

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

STAGE = "Segmenter"
# Probabilities tried for the score. The detector tunes its threshold finely; here a few keep a network whose
# probabilities are well ordered but shifted from looking bad.
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


def run_fn(fn_args: "FnArgs") -> None:
    """Train a segmenter and write it to `fn_args.serving_model_dir`.

    Raises:
        SettingsError: the settings in custom_config do not fit.
        TrainingError: there is nothing to train on or to score with, or training has diverged.
    """
    settings = settings_of(fn_args, SegmenterSettings)
    loss = LOSSES[settings.loss]

    def data() -> tuple[FromStep, Evaluate]:
        crops = training_crops(fn_args.train_files, settings)
        windows = eval_windows(fn_args.eval_files, ships=settings.eval_images, empties=0)
        return crops, score_on(windows, loss, _stride_px(settings))

    train(STAGE, fn_args, settings, build=SEGMENTERS[settings.architecture], loss=loss, data=data)


def score_on(windows: list[EvalWindow], loss: Loss, stride_px: int) -> Evaluate:
    """How to judge a segmenter on `windows`.

    Args:
        windows: images uint8 [H, W, 3] and masks bool [H, W] of any size.
        loss: also computed per window, mean over windows.
        stride_px: images are padded with black to multiples of it; the padding is not judged.

    Returns:
        Function of a model to `score` (hard dice 0-1, mean over windows, at the best of a few thresholds),
        that `threshold` (0-1) and `loss`.
    """

    def evaluate(model: keras.Model) -> dict[str, float]:
        dices, losses = [], []
        for image, mask in windows:
            logits = predict_image(model, image, stride_px)[: mask.shape[0], : mask.shape[1], 0]
            dices.append([hard_dice(mask, logits > _logit(threshold)) for threshold in _THRESHOLDS])
            losses.append(float(loss(mask[None, ..., None].astype(np.float32), logits[None, ..., None])))
        means = np.mean(dices, axis=0)
        best = int(np.argmax(means))
        return {"score": float(means[best]), "threshold": _THRESHOLDS[best], "loss": float(np.mean(losses))}

    return evaluate


def _stride_px(settings: SegmenterSettings) -> int:
    """Edges of images must be multiples of this."""
    return 16 * settings.input_pooling if settings.architecture == "plain" else ENCODER_STRIDE_PX


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
