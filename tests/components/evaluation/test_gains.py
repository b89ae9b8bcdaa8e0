"""The paired difference between two models against numpy, scipy and scikit-learn on the same images."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from components.evaluation.ratios import Moments, Ratio, estimate, estimate_gain
from components.evaluation.roc import roc_auc, roc_auc_gain

NOISE = np.random.default_rng(1)
HARDNESS = NOISE.random((40, 1))
# Per image and model: 1, a score, a part, a whole; what is hard is so for both models.
ONE, OTHER = (
    np.hstack([np.ones((40, 1)), HARDNESS + 0.1 * NOISE.random((40, 1)), part, part + NOISE.random((40, 1))])
    for part in (10 * HARDNESS, 9 * HARDNESS)
)
MEAN = Ratio({1: 1.0}, {0: 1.0})
SHARE = Ratio({2: 1.0}, {3: 1.0})
# Of numbers [right, 1].
RECALL = Ratio({0: 1.0}, {1: 1.0}, "wilson")


def moments(one, other):
    sums = Moments.none(2 * one.shape[1])
    for numbers in np.hstack([one, other]):
        sums = sums.with_image(numbers)
    return sums


def shares(right, other_right):
    """Sums over images of which each model says whether it is right."""
    return moments(*(np.column_stack([each, np.ones(len(each))]) for each in (right, other_right)))


def test_of_means_it_is_the_interval_of_the_mean_difference():
    gain = estimate_gain(MEAN, moments(ONE, OTHER))
    differences = ONE[:, 1] - OTHER[:, 1]
    reach = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    mean = differences.mean()
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((mean, mean - reach, mean + reach))
    # Unpaired, the hardness of the images would hide it.
    assert gain.upper - gain.lower < 0.2 * 4 * stats.sem(ONE[:, 1])


def test_of_ratios_it_agrees_with_resampling():
    gain = estimate_gain(SHARE, moments(ONE, OTHER))
    drawn = NOISE.integers(0, 40, (4000, 40))
    resampled = [rows[drawn, 2].sum(1) / rows[drawn, 3].sum(1) for rows in (ONE, OTHER)]
    assert gain.value == pytest.approx(
        ONE[:, 2].sum() / ONE[:, 3].sum() - OTHER[:, 2].sum() / OTHER[:, 3].sum()
    )
    deviation = (gain.upper - gain.lower) / (2 * stats.t.ppf(0.975, 39))
    assert deviation == pytest.approx(np.std(resampled[0] - resampled[1]), rel=0.1)


def test_of_a_model_with_itself_it_is_nothing_without_width():
    gain = estimate_gain(SHARE, moments(ONE, ONE))
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((0, 0, 0), abs=1e-6)


def test_where_one_model_tells_nothing_there_is_none():
    untold = OTHER.copy()
    untold[:, 3] = np.nan
    assert estimate_gain(SHARE, moments(ONE, untold)) is None
    assert estimate_gain(MEAN, moments(ONE, untold)) is not None
    assert estimate_gain(MEAN, Moments.none(8)) is None
    assert estimate_gain(MEAN, moments(ONE[:1], OTHER[:1])).lower is None


def test_of_paired_shares_it_is_the_interval_that_newcombe_published():
    """Table III of Newcombe (1998): of 50 pairs, 36 + 12 right by one model, 36 + 2 by the other."""
    both, one_only, other_only, none = 36, 12, 2, 0
    right = [1] * (both + one_only) + [0] * (other_only + none)
    other = [1] * both + [0] * one_only + [1] * other_only + [0] * none
    gain = estimate_gain(RECALL, shares(right, other))
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((0.20, 0.0569, 0.3404), abs=5e-5)


@pytest.mark.parametrize("images", [1, 3, 30])
def test_where_both_models_are_always_right_the_difference_is_as_uncertain_as_the_images_are_few(images):
    gain = estimate_gain(RECALL, shares([1] * images, [1] * images))
    least = estimate(RECALL, shares([1] * images, [1] * images)).lower
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((0, least - 1, 1 - least))


def ranked(rng, images, gap):
    """Which images have ships, and what two models of unequal skill, blind to the same ones, say of them."""
    positive = rng.random(images) < 0.4
    shared = rng.normal(size=images)
    one, other = (
        (skill * positive + shared + 0.5 * rng.normal(size=images)).astype(np.float32)
        for skill in (1.2 + gap, 1.2)
    )
    return positive, one, other


def test_of_areas_under_the_roc_curve_it_agrees_with_resampling():
    rng = np.random.default_rng(4)
    positive, one, other = ranked(rng, 150, 0.5)
    gain = roc_auc_gain(one, other, positive)
    assert gain.value == pytest.approx(roc_auc_score(positive, one) - roc_auc_score(positive, other))
    resampled = []
    for drawn in rng.integers(0, 150, (400, 150)):
        areas = [roc_auc_score(positive[drawn], scores[drawn]) for scores in (one, other)]
        resampled.append(areas[0] - areas[1])
    deviation = (gain.upper - gain.lower) / (2 * stats.norm.ppf(0.975))
    assert deviation == pytest.approx(np.std(resampled), rel=0.2)
    unpaired = [roc_auc(scores, positive) for scores in (one, other)]
    assert gain.upper - gain.lower < 0.8 * np.hypot(*(each.upper - each.lower for each in unpaired))


def test_intervals_of_differences_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    truth = np.diff([stats.norm.cdf(skill / np.sqrt(2 * 1.25)) for skill in (1.2, 1.6)])[0]
    covered = {"auc": 0, "recall": 0}
    for _ in range(400):
        positive, one, other = ranked(rng, 60, 0.4)
        gain = roc_auc_gain(one, other, positive)
        covered["auc"] += gain.lower <= truth <= gain.upper
        hard = rng.random(30)
        gain = estimate_gain(RECALL, shares(*(hard + 0.2 * rng.random(30) > bar for bar in (0.2, 0.3))))
        # P(hard + u > bar) for u uniform in 0-0.2.
        covered["recall"] += gain.lower <= (1 - 0.1) - (1 - 0.2) <= gain.upper
    assert all(0.92 <= count / 400 <= 0.99 for count in covered.values()), covered


def test_an_area_without_both_kinds_of_images_has_no_difference():
    scores = np.array([0.1, 0.9], np.float32)
    assert roc_auc_gain(scores, scores, np.array([True, True])) is None
    pair = roc_auc_gain(scores, scores, np.array([False, True]))
    assert pair.value == 0
    assert pair.upper - pair.lower > 1
