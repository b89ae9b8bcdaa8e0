"""Curves over the threshold from single images. Plain numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.review_report.judging import Judged
from components.ship_detector.thresholds import CURVE_THRESHOLDS

Points = list[tuple[float, float]]
# More bends than a chart can show.
_MOST_POINTS = 200


@dataclass(frozen=True)
class Curves:
    """Curves of one model; a curve that cannot be drawn (no ships, one class) is empty.

    Attributes:
        precision_recall: (recall, precision) of the segmenter's ship pixels, by ascending threshold.
        dice_by_threshold: (threshold, mean dice over images with ships) of the segmenter.
        roc: (share of empty images taken for ship images, share of ship images found) of the classifier.
        roc_point: where its tuned threshold lies on that, or None.
    """

    precision_recall: Points
    dice_by_threshold: Points
    roc: Points
    roc_point: tuple[float, float] | None


def curves(judged: Sequence[Judged], weights: NDArray[np.float64]) -> Curves:
    """Curves of a model's answers.

    Args:
        judged: one of each drawn image.
        weights: float64 [images], how many test images each stands for.
    """
    truth = np.array([one.truth_px for one in judged])
    positive = truth > 0
    told = [one for one in judged if one.predicted_px is not None and one.hit_px is not None]
    precision_recall: Points = []
    by_threshold: Points = []
    if len(told) == len(judged) and positive.any():
        predicted = np.array([one.predicted_px for one in told], np.float64)
        hit = np.array([one.hit_px for one in told], np.float64)
        found, taken, there = weights @ hit, weights @ predicted, weights @ truth
        precision_recall = [
            (float(hits / there), float(hits / px)) for hits, px in zip(found, taken, strict=True) if px > 0
        ]
        dice = 2 * hit[positive] / (predicted[positive] + truth[positive, None])
        mean = weights[positive] @ dice / weights[positive].sum()
        by_threshold = [(float(t), float(value)) for t, value in zip(CURVE_THRESHOLDS, mean, strict=True)]
    scores = np.array([one.ship_probability for one in judged])
    return Curves(
        precision_recall, by_threshold, roc(scores, positive, weights), _roc_point(judged, positive, weights)
    )


def roc(scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]) -> Points:
    """ROC curve from (0, 0) to (1, 1), equal scores as one step; empty if a class is missing.

    Args:
        scores: float64 [N].
        positive: bool [N].
        weights: float64 [N].
    """
    if positive.all() or not positive.any():
        return []
    order = np.argsort(-scores, kind="stable")
    last_of_equals = np.append(np.diff(scores[order]) != 0, True)
    rates = []
    for kind in (~positive, positive):
        cumulated = np.cumsum((weights * kind)[order])
        rates.append(np.append(0.0, cumulated[last_of_equals] / cumulated[-1]))
    kept = np.unique(np.linspace(0, len(rates[0]) - 1, _MOST_POINTS).astype(int))
    return [(float(rates[0][i]), float(rates[1][i])) for i in kept]


def _roc_point(
    judged: Sequence[Judged], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, float] | None:
    if positive.all() or not positive.any() or any(one.judged_ship is None for one in judged):
        return None
    said = np.array([bool(one.judged_ship) for one in judged])
    false, true = (float(weights[kind & said].sum() / weights[kind].sum()) for kind in (~positive, positive))
    return false, true
