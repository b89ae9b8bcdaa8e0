import numpy as np
import pytest

from components.training.scores import hard_dice, roc_auc


def test_hard_dice() -> None:
    a, b = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert hard_dice(a, b) == 0.5
    assert hard_dice(a, a) == 1
    assert hard_dice(a & False, b & False) == 1
    assert hard_dice(a & False, b) == 0


def test_roc_auc() -> None:
    assert roc_auc(np.array([0, 0, 1, 1], bool), np.array([0.1, 0.4, 0.35, 0.8])) == 0.75
    assert roc_auc(np.array([0, 1], bool), np.array([0.5, 0.5])) == 0.5


def test_roc_auc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    labels, scores = random.uniform(size=200) < 0.3, random.integers(0, 20, 200).astype(float)
    assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


def test_roc_auc_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="positives and negatives"):
        roc_auc(np.array([True]), np.array([0.1]))
