"""What a model says of single test images, by its `evaluate` signature."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tfx.utils import path_utils

from components.evaluation.image_numbers import dice
from components.evaluation.names import CASCADE, CASCADE_MASK, CLASSIFIER, HIT_PX, IMAGE_SIZE, PREDICTED_PX
from components.review_report.sample import DrawnImage
from components.ship_detector.thresholds import CURVE_THRESHOLDS


@dataclass(frozen=True)
class Judged:
    """One model's answer about one image.

    Attributes:
        ship_probability: the classifier's, 0-1.
        judged_ship: whether that reaches its threshold; None of a model that does not tell.
        dice: hard dice of the mask that would be served.
        wrong_px: pixels of that mask that differ from the label.
        truth_px: labelled ship pixels.
        mask: the mask as run-length string; None of a model that tells none.
        size: height and width in px; None likewise.
        predicted_px: float [thresholds], the segmenter's ship pixels at each of CURVE_THRESHOLDS, or None.
        hit_px: those of them that are labelled as ship.
    """

    ship_probability: float
    judged_ship: bool | None
    dice: float
    wrong_px: float
    truth_px: float
    mask: str | None
    size: tuple[int, int] | None
    predicted_px: NDArray[np.float32] | None
    hit_px: NDArray[np.float32] | None


@dataclass(frozen=True)
class Model:
    """A loaded detector: its answers and the threshold of its masks, None of one that does not tell."""

    evaluate: Any
    mask_threshold: float | None

    @classmethod
    def load(cls, model_uri: str) -> "Model":
        """Load the SavedModel of a Model artifact."""
        # Signatures hold no reference to the variables; the module must live as long as they do.
        module = tf.saved_model.load(path_utils.serving_model_dir(model_uri))
        threshold = getattr(module, "mask_threshold", None)
        evaluate = module.signatures["evaluate"]
        evaluate.module = module
        return cls(evaluate, None if threshold is None else float(threshold))

    def judge(self, images: Sequence[DrawnImage]) -> Iterator[Judged]:
        """Answers in the order of the images, one image in memory at a time."""
        for image in images:
            answer = self.evaluate(examples=tf.constant([image.record]))
            yield _judged({name: value.numpy()[0] for name, value in answer.items()})


def _judged(answer: dict[str, Any]) -> Judged:
    probability, *said = np.ravel(answer[CLASSIFIER])
    tp, fp, fn = (float(count) for count in answer[CASCADE])
    curves = answer.get(PREDICTED_PX), answer.get(HIT_PX)
    if curves[0] is None or len(curves[0]) != len(CURVE_THRESHOLDS):
        curves = None, None
    told = CASCADE_MASK in answer
    return Judged(
        float(probability),
        bool(said[0] > 0) if said else None,
        dice(tp, fp, fn),
        fp + fn,
        tp + fn,
        answer[CASCADE_MASK].decode() if told else None,
        (int(answer[IMAGE_SIZE][0]), int(answer[IMAGE_SIZE][1])) if told else None,
        *curves,
    )
