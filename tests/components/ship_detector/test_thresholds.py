import logging

import numpy as np
import pytest

from components.ship_detector.thresholds import (
    CLASSIFIER_THRESHOLDS,
    MASK_THRESHOLDS,
    MIN_SHIP_PIXELS,
    EvalTable,
    ImageCounts,
    Thresholds,
    choose_min_ship_pixels,
    count_pixels,
    middle_of_plateau,
)
from components.ship_detector.tuning import report, tune

UNTUNED = Thresholds(0.5, 7, 0.4)


def image(
    truth_px: int, false_px: int, best: float = 0.5, ship_probability: float = 0.9, found: float = 1.0
) -> ImageCounts:
    """Predicted areas shrink with the threshold; at `best` the ship is hit as well as it gets."""
    size = 1.0 + (best - MASK_THRESHOLDS)
    hit = np.round(found * truth_px * np.minimum(size, 1.0)).astype(np.int64)
    spilled = np.round(truth_px * found * np.maximum(size - 1.0, 0)).astype(np.int64)
    return ImageCounts(ship_probability, truth_px, hit + spilled + false_px, hit)


def test_counts_equal_those_of_comparing_at_each_threshold() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((40, 50)).astype(np.float32)
    probabilities[0, : len(MASK_THRESHOLDS)] = MASK_THRESHOLDS
    truth = (rng.random((40, 50)) < 0.3).astype(np.uint8)
    counts = count_pixels(0.7, probabilities, truth)
    for index, threshold in enumerate(MASK_THRESHOLDS):
        mask = probabilities >= threshold
        assert counts.predicted_px[index] == mask.sum()
        assert counts.hit_px[index] == (mask & (truth == 1)).sum()
    assert counts.truth_px == truth.sum()


def test_dice_of_images_by_hand() -> None:
    ship = ImageCounts(0.9, 10, np.full(25, 8), np.full(25, 6))
    quiet = ImageCounts(0.1, 0, np.zeros(25, np.int64), np.zeros(25, np.int64))
    false_alarm = ImageCounts(0.1, 0, np.full(25, 5), np.zeros(25, np.int64))
    table = EvalTable.of([ship, quiet, false_alarm])
    everywhere = np.ones(3, bool)
    np.testing.assert_allclose(table.dice(everywhere, 0)[:, 0], [12 / 18, 1, 0])
    np.testing.assert_allclose(table.dice(everywhere, 6)[:, 0], [12 / 18, 1, 1])
    np.testing.assert_allclose(table.dice(everywhere, 9)[:, 0], [0, 1, 1])
    np.testing.assert_allclose(table.dice(table.passes(0.5), 0)[:, 0], [12 / 18, 1, 1])


def test_the_mask_threshold_lies_where_the_dice_is_best() -> None:
    images = [image(1000, 0, best=0.4) for _ in range(10)] + [image(0, 0, ship_probability=0.1)]
    assert tune(images, UNTUNED, cascade=True).mask_threshold == pytest.approx(0.4, abs=0.03)


def test_the_middle_of_a_plateau_is_taken() -> None:
    assert middle_of_plateau(np.array([0.5, 0.801, 0.8, 0.803, 0.802, 0.8, 0.6])) == 3
    assert middle_of_plateau(np.array([0.9, 0.9, 0.2, 0.9])) == 0
    assert middle_of_plateau(np.array([1.0])) == 0
    assert middle_of_plateau(np.zeros(9)) == 4


def test_the_classifier_threshold_separates_with_room_on_both_sides() -> None:
    ships = [image(1000, 0, ship_probability=0.7) for _ in range(20)]
    empties = [image(0, 50, ship_probability=0.3) for _ in range(20)]
    chosen = tune(ships + empties, UNTUNED, cascade=True)
    assert chosen.classifier_threshold == pytest.approx(0.5, abs=0.02)
    assert chosen.min_ship_pixels == 0


def test_at_most_two_percent_of_the_ships_are_silenced_however_much_it_would_gain() -> None:
    rng = np.random.default_rng(0)
    ships = [image(1000, 0, ship_probability=p) for p in rng.uniform(0.2, 1.0, 100)]
    empties = [image(0, 500, ship_probability=0.6) for _ in range(2000)]
    table = EvalTable.of(ships + empties)
    threshold = tune(ships + empties, UNTUNED, cascade=True).classifier_threshold
    assert (table.has_ships & ~table.passes(threshold)).sum() <= 2


def test_a_useless_minimal_area_stays_zero() -> None:
    images = [image(800, 0) for _ in range(10)] + [image(0, 0, ship_probability=0.1) for _ in range(10)]
    assert tune(images, UNTUNED, cascade=False).min_ship_pixels == 0


def test_a_minimal_area_above_the_false_blobs_is_found_without_the_cascade() -> None:
    images = [image(800, 0) for _ in range(10)] + [image(0, 35) for _ in range(10)]
    assert tune(images, UNTUNED, cascade=False).min_ship_pixels == 40


def test_small_ships_are_not_blanked_for_the_sake_of_many_empty_images() -> None:
    small = [image(30, 0) for _ in range(2)]
    images = small + [image(800, 0) for _ in range(30)] + [image(0, 35) for _ in range(100)]
    table = EvalTable.of(images)
    chosen = tune(images, UNTUNED, cascade=False)
    assert chosen.min_ship_pixels <= 20
    column = int(np.abs(MASK_THRESHOLDS - chosen.mask_threshold).argmin())
    assert (table.dice(np.ones(len(images), bool), chosen.min_ship_pixels)[:2, column] > 0).all()


def test_the_minimal_area_never_exceeds_the_smallest_labelled_ship_even_if_it_was_missed() -> None:
    missed = image(25, 0, found=0.0)
    images = [missed] + [image(800, 0) for _ in range(30)] + [image(0, 35) for _ in range(100)]
    assert choose_min_ship_pixels(EvalTable.of(images), np.ones(len(images), bool), 0.5) <= 25


def test_without_ships_everything_stays_untuned_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert tune([image(0, 5)], UNTUNED, cascade=True) == UNTUNED
        assert tune([], UNTUNED, cascade=True) == UNTUNED
    assert "no eval image with ships" in caplog.text


def test_without_empties_only_the_mask_threshold_is_tuned(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        chosen = tune([image(1000, 0, best=0.3)] * 5, UNTUNED, cascade=True)
    assert chosen.mask_threshold == pytest.approx(0.3, abs=0.05)
    assert (chosen.min_ship_pixels, chosen.classifier_threshold) == (7, 0.4)
    assert "no eval image without ships" in caplog.text


def test_the_report_tells_the_dice_at_the_chosen_values_and_the_tables() -> None:
    images = [image(1000, 0)] * 3 + [image(0, 20, ship_probability=0.1)]
    chosen = tune(images, UNTUNED, cascade=True)
    told = report(images, chosen, UNTUNED, cascade=True)
    assert told["thresholds"] == vars(chosen)
    assert (told["images"], told["ships"], told["empty"]) == (4, 3, 1)
    assert told["dice"]["empty"] == 1.0
    assert np.shape(told["dice_by_area"]) == (len(MIN_SHIP_PIXELS), len(MASK_THRESHOLDS))
    assert len(told["dice_by_classifier"]) == len(told["silenced_ships"]) == len(CLASSIFIER_THRESHOLDS)
    column = told["mask_thresholds"].index(chosen.mask_threshold)
    row = told["min_ship_pixels"].index(chosen.min_ship_pixels)
    assert told["dice_by_area"][row][column] == told["dice"]["all"]
    assert report([], UNTUNED, UNTUNED, cascade=True)["dice"] == {"all": None, "ships": None, "empty": None}
