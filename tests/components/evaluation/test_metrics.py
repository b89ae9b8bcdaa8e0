import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from components.evaluation.image_numbers import dice
from components.evaluation.ratios import Moments, Ratio, estimate, wilson_interval
from components.evaluation.roc import roc_auc
from components.evaluation.slices import Figure


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((0, 0, 0), 1.0), ((0, 5, 0), 0.0), ((0, 0, 5), 0.0), ((5, 0, 0), 1.0), ((1, 1, 1), 0.5)],
)
def test_dice_of_pixel_counts(counts: tuple[float, ...], expected: float) -> None:
    assert dice(*counts) == pytest.approx(expected)


def moments(rows: NDArray[Any]) -> Moments:
    sums = Moments.none(rows.shape[1])
    for row in rows:
        sums = sums.with_image(row)
    return sums


def test_sums_do_not_depend_on_how_images_are_divided() -> None:
    rows = np.random.default_rng(0).random((9, 3))
    divided = Moments.none(3).plus(moments(rows[:2])).plus(pickle.loads(pickle.dumps(moments(rows[2:]))))
    assert divided.images == 9
    np.testing.assert_allclose(divided.products, moments(rows).products)


MEAN = Ratio({0: 1.0}, {1: 1.0})


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(1).random(50)
    figure = estimate(MEAN, moments(np.column_stack([values, np.ones(50)])))
    low, high = stats.t.interval(0.95, 49, values.mean(), stats.sem(values))
    assert figure is not None
    assert (figure.value, figure.lower, figure.upper) == pytest.approx((values.mean(), low, high), abs=1e-9)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Clustered ships: 40 images with 1-6 ships each, whose chance to be found belongs to the image."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        ships = rng.integers(1, 7, 40)
        found = rng.binomial(ships, rng.choice([0.4, 1.0], 40))
        rows = np.column_stack([found, ships]).astype(float)
        figure = estimate(Ratio({0: 1.0}, {1: 1.0}, "wilson"), moments(rows))
        assert figure is not None and figure.lower is not None and figure.upper is not None
        covered += figure.lower <= 0.7 <= figure.upper
    assert 0.92 <= covered / 400 <= 0.98


def test_the_interval_of_a_mean_of_few_images_covers_the_truth_too() -> None:
    """Dice of three images with ships, and of ten without ships of which 95 % are left empty."""
    rng = np.random.default_rng(3)
    covered = {"ships": 0, "empty": 0}
    for _ in range(400):
        for kind, truth, values in (
            ("ships", 0.6, rng.beta(3, 2, 3)),
            ("empty", 0.95, (rng.random(10) < 0.95).astype(float)),
        ):
            figure = estimate(MEAN, moments(np.column_stack([values, np.ones(len(values))])))
            assert figure is not None and figure.lower is not None and figure.upper is not None
            covered[kind] += figure.lower <= truth <= figure.upper
    assert all(0.9 <= count / 400 <= 0.995 for count in covered.values()), covered


@pytest.mark.parametrize(("share", "trials"), [(0.0, 5), (1.0, 5), (0.25, 40), (1.0, 1)])
def test_wilson_bounds_are_where_the_score_test_turns(share: float, trials: float) -> None:
    for bound in wilson_interval(share, trials):
        assert 0 <= bound <= 1
        if bound not in (0, 1):
            z = (share - bound) / np.sqrt(bound * (1 - bound) / trials)
            assert abs(z) == pytest.approx(1.959964, abs=1e-6)


def test_without_anything_to_measure_a_ratio_is_undefined_or_as_defined() -> None:
    nothing = moments(np.zeros((3, 2)))
    assert estimate(MEAN, nothing) is None
    assert estimate(Ratio({0: 1.0}, {1: 1.0}, without=1.0), nothing) == Figure(1.0)
    assert estimate(Ratio({0: 1.0}, {1: 1.0}, without=1.0), Moments.none(2)) is None
    assert estimate(MEAN, moments(np.array([[0.5, 1.0]]))) == Figure(0.5)


def test_numbers_that_an_image_lacks_leave_only_their_metrics_undefined() -> None:
    sums = moments(np.array([[np.nan, 1.0, 2.0], [1.0, 1.0, 4.0]]))
    assert estimate(MEAN, sums) is None
    figure = estimate(Ratio({2: 1.0}, {1: 1.0}), sums)
    assert figure is not None
    assert figure.value == 3


def test_the_auc_of_one_class_is_undefined() -> None:
    scores = np.array([0.1, 0.9], np.float32)
    assert roc_auc(scores, np.array([True, True])) is None
    assert roc_auc(scores[:0], np.array([], np.bool_)) is None


@pytest.mark.parametrize(
    ("positives", "expected"), [([0.9, 0.8], 1.0), ([0.1, 0.2], 0.0), ([0.5, 0.5], 0.5), ([0.9, 0.5], 0.75)]
)
def test_ties_count_half_and_bounds_have_a_width_even_at_0_and_1(
    positives: list[float], expected: float
) -> None:
    figure = roc_auc(np.array([*positives, 0.5, 0.5], np.float32), np.array([True, True, False, False]))
    assert figure is not None and figure.lower is not None and figure.upper is not None
    assert figure.value == expected
    assert 0 <= figure.lower <= expected <= figure.upper <= 1
    assert figure.upper - figure.lower > 0.3


def test_the_bounds_of_an_auc_lie_1_96_of_their_standard_errors_away() -> None:
    """Standard error by Hanley & McNeil (1982), with the mean number of both kinds in place of each."""
    rng = np.random.default_rng(3)
    positive = np.arange(60) < 24
    figure = roc_auc((rng.normal(size=60) + positive).astype(np.float32), positive)
    assert figure is not None and figure.lower is not None and figure.upper is not None
    for area in (figure.lower, figure.upper):
        q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
        spread = area * (1 - area) + (60 / 2 - 1) * (q1 - area**2 + q2 - area**2)
        assert abs(area - figure.value) / np.sqrt(spread / (24 * 36)) == pytest.approx(1.959964, abs=1e-5)
