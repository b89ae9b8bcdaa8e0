"""Area under the ROC curve, exact, with a 95 % interval."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import rankdata

from components.evaluation.ratios import NORMAL_95, correlation, difference
from components.evaluation.slices import Figure


def roc_auc(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> Figure | None:
    """Chance that a positive scores above a negative, ties counting half; None if either kind is missing.

    The value is the Mann-Whitney statistic. The interval also has a width where all pairs are ranked rightly,
    unlike those made of the variance at the estimate: method 5 of Newcombe, R. G. (2006), Confidence
    intervals for an effect size measure based on the Mann-Whitney statistic. Part 2, Stat. Med. 25.

    Args:
        scores: float32 [N].
        positive: bool [N].
    """
    positives = int(positive.sum())
    negatives = positive.size - positives
    if not positives or not negatives:
        return None
    ranks = rankdata(scores)
    value = (ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return Figure(float(value), *_newcombe_interval(float(value), positives, negatives))


def roc_auc_gain(
    scores: NDArray[np.float32], others: NDArray[np.float32], positive: NDArray[np.bool_]
) -> Figure | None:
    """Difference of the areas of two models that scored the same images, with a paired 95 % interval.

    Made of the two intervals of `roc_auc` by `ratios.difference`. The correlation is that of DeLong, E. R. et
    al. (1988), Comparing the areas under two or more correlated receiver operating characteristic curves,
    Biometrics 44; their variance alone would be 0 where both models rank all pairs rightly.

    Args:
        scores: float32 [N], the candidate's.
        others: float32 [N], the baseline's.
        positive: bool [N].

    Returns:
        Candidate less baseline, None if one of the kinds is missing.
    """
    one, other = roc_auc(scores, positive), roc_auc(others, positive)
    if one is None or other is None:
        return None
    covariance = np.zeros((2, 2))
    for kind in (positive, ~positive):
        # A single image of a kind shows no spread of its own.
        if (members := int(kind.sum())) > 1:
            shares = [_won(model, kind) for model in (scores, others)]
            covariance += np.cov(shares) / members
    return difference(one, other, correlation(covariance))


def _won(scores: NDArray[np.float32], kind: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of the other kind that each image of a kind scores above, ties counting half: [members]."""
    won: NDArray[np.float64] = rankdata(scores)[kind] - rankdata(scores[kind])
    return won / (scores.size - won.size)


def _newcombe_interval(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """The areas that lie 1.96 of their own standard errors from the estimate."""
    others = (positives + negatives) / 2 - 1

    def excess(area: float) -> float:
        alike = (1 - area) / (2 - area) + area / (1 + area)
        variance = area * (1 - area) * (1 + others * alike) / (positives * negatives)
        return abs(area - value) - NORMAL_95 * math.sqrt(variance)

    # At 0 and 1 no variance is left, so that the excess changes its sign on both sides of the estimate, or a
    # little inside of it where the estimate itself is 0 or 1.
    inside = min(max(value, 1e-12), 1 - 1e-12)
    lower = 0.0 if value == 0 else brentq(excess, 0.0, inside, xtol=1e-12)
    upper = 1.0 if value == 1 else brentq(excess, inside, 1.0, xtol=1e-12)
    return float(lower), float(upper)
