"""The figures by which training picks its best epoch. Plain numpy."""

import numpy as np
from numpy.typing import NDArray


def hard_dice(mask: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    """Dice 2 |A and B| / (|A| + |B|) of two masks of one shape; 1 if both are empty."""
    pixels = int(mask.sum()) + int(predicted.sum())
    return 2 * int((mask & predicted).sum()) / pixels if pixels else 1.0


def roc_auc(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve: how often a positive outscores a negative, ties counting half.

    Args:
        labels: [N], at least one of each kind.
        scores: [N], any scale.

    Raises:
        ValueError: only one kind of label, for which the curve is not defined.
    """
    positives, negatives = scores[labels], np.sort(scores[~labels])
    if not len(positives) or not len(negatives):
        raise ValueError("the ROC curve needs positives and negatives")
    below = np.searchsorted(negatives, positives, "left")
    at_most = np.searchsorted(negatives, positives, "right")
    return float((below + at_most).mean() / 2 / len(negatives))
