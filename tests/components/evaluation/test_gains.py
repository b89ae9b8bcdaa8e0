"""The paired difference between two models against numpy on the same images."""

import numpy as np
import pytest
from scipy import stats

from components.evaluation.ratios import Moments, Ratio, estimate_gain

NOISE = np.random.default_rng(1)
HARDNESS = NOISE.random((40, 1))
# Per image and model: 1, a score, a part, a whole; what is hard is so for both models.
ONE, OTHER = (
    np.hstack([np.ones((40, 1)), HARDNESS + 0.1 * NOISE.random((40, 1)), part, part + NOISE.random((40, 1))])
    for part in (10 * HARDNESS, 9 * HARDNESS)
)
MEAN = Ratio({1: 1.0}, {0: 1.0})
SHARE = Ratio({2: 1.0}, {3: 1.0})


def moments(one, other):
    sums = Moments.none(8)
    for numbers in np.hstack([one, other]):
        sums = sums.with_image(numbers)
    return sums


def test_of_means_it_is_the_interval_of_the_mean_difference():
    gain = estimate_gain(MEAN, moments(ONE, OTHER))
    differences = ONE[:, 1] - OTHER[:, 1]
    reach = stats.norm.ppf(0.975) * stats.sem(differences)
    mean = differences.mean()
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((mean, mean - reach, mean + reach))
    # Unpaired, the hardness of the images would hide it.
    assert gain.upper - gain.lower < 0.2 * 4 * stats.sem(ONE[:, 1])


def test_of_ratios_it_agrees_with_resampling():
    gain = estimate_gain(SHARE, moments(ONE, OTHER))
    drawn = NOISE.integers(0, 40, (4000, 40))
    shares = [rows[drawn, 2].sum(1) / rows[drawn, 3].sum(1) for rows in (ONE, OTHER)]
    resampled = np.std(shares[0] - shares[1])
    assert gain.value == pytest.approx(
        ONE[:, 2].sum() / ONE[:, 3].sum() - OTHER[:, 2].sum() / OTHER[:, 3].sum()
    )
    assert (gain.upper - gain.lower) / (2 * stats.norm.ppf(0.975)) == pytest.approx(resampled, rel=0.1)


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
