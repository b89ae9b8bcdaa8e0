import logging
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from skimage.measure import label, regionprops

from components.ship_detector.thresholds import (
    CLASSIFIER_THRESHOLDS,
    MASK_THRESHOLDS,
    MIN_SHIP_PIXELS,
    SHIP_THRESHOLDS,
    EvalTable,
    ImageCounts,
    PredictedShips,
    Thresholds,
    choose_min_ship_pixels,
    count_pixels,
    middle_of_plateau,
    silenced_shares,
)
from components.ship_detector.tuning import report
from components.ship_detector.tuning import tune as tune_within

UNTUNED = Thresholds(0.5, 0.25, 7, 0.4)
tune = partial(tune_within, max_silenced_ships=0.02)


def ships(*areas: int, hit: int = 0, certainty: float = 0.9, confirmation: float = 0.9) -> PredictedShips:
    """The same ships at every mask threshold; the first one hits `hit` pixels."""
    columns = np.arange(len(MASK_THRESHOLDS))
    return PredictedShips(
        np.repeat(columns, len(areas)),
        np.tile(np.array(areas, np.int64), len(columns)),
        np.tile(np.array([hit, *[0] * len(areas)][: len(areas)], np.int64), len(columns)),
        np.full(len(areas) * len(columns), certainty, np.float32),
        np.full(len(areas) * len(columns), confirmation, np.float32),
    )


def image(
    truth_px: int,
    false_px: int,
    best: float = 0.5,
    *,
    ship_probability: float = 0.9,
    found: float = 1.0,
    false_certainty: float = 0.9,
    false_confirmation: float | None = None,
) -> ImageCounts:
    """A ship whose predicted area shrinks with the threshold; at `best` it is hit as well as it gets.

    What is predicted is confirmed as far as the image's ship probability goes, unless said otherwise.
    """
    size = 1.0 + (best - MASK_THRESHOLDS)
    hit = np.round(found * truth_px * np.minimum(size, 1.0)).astype(np.int64)
    spilled = np.round(truth_px * found * np.maximum(size - 1.0, 0)).astype(np.int64)
    parts = []
    for column, (area, on_ship) in enumerate(zip(hit + spilled, hit, strict=True)):
        parts += [(column, area, on_ship, 0.9, ship_probability)] if area else []
        confirmed = ship_probability if false_confirmation is None else false_confirmation
        parts += [(column, false_px, 0, false_certainty, confirmed)] if false_px else []
    columns = np.array(parts, np.float64).reshape(-1, 5).T
    counts, shares = columns[:3].astype(np.int64), columns[3:].astype(np.float32)
    return ImageCounts(ship_probability, (truth_px,) if truth_px else (), PredictedShips(*counts, *shares))


def test_counts_equal_those_of_looking_at_each_threshold() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((40, 50)).astype(np.float32)
    probabilities[0, : len(MASK_THRESHOLDS)] = MASK_THRESHOLDS
    truth = (rng.random((40, 50)) < 0.3).astype(np.uint8)
    cells = rng.random((3, 4)).astype(np.float32)
    counts = count_pixels(cells, probabilities, truth)
    assert counts.ship_probability == cells.max()
    labelled = regionprops(label(truth, connectivity=2))
    assert sorted(counts.labelled_px) == sorted(region.area for region in labelled)
    of_cells = np.kron(cells, np.ones((16, 16)))[:40, :50]
    for column, threshold in enumerate(MASK_THRESHOLDS):
        labels = label(probabilities >= threshold, connectivity=2)
        regions = regionprops(labels, probabilities)
        of_column = [values[counts.ships.column == column] for values in counts.ships[1:]]
        expected = [
            (
                region.area,
                (truth[labels == region.label] == 1).sum(),
                region.mean_intensity,
                of_cells[labels == region.label].max(),
            )
            for region in regions
        ]
        found = sorted(zip(*of_column, strict=True))
        np.testing.assert_allclose(np.array(found), np.array(sorted(expected)), rtol=1e-5)


def test_an_image_without_predicted_ships_counts_too() -> None:
    dark = count_pixels(
        np.full((1, 1), 0.1, np.float32), np.zeros((8, 9), np.float32), np.zeros((8, 9), np.uint8)
    )
    assert len(dark.ships.area_px) == 0
    assert (EvalTable.of([dark]).dice() == 1).all()


def test_dice_of_images_by_hand() -> None:
    ship = ImageCounts(0.9, (10,), ships(8, hit=6))
    quiet = ImageCounts(0.1, (), ships())
    false_alarm = ImageCounts(0.6, (), ships(5, 3, certainty=0.6, confirmation=0.4))
    table = EvalTable.of([ship, quiet, false_alarm])
    assert table.pixels()[0][:, 3].tolist() == [8, 0, 8]
    assert table.pixels(min_ship_pixels=4)[0][:, 3].tolist() == [8, 0, 5]
    for dropped, expected in (
        ((0, 0, 0), [12 / 18, 1, 0]),
        ((0, 0, 6), [12 / 18, 1, 1]),
        ((0, 0, 9), [0, 1, 1]),
        ((0, 0.7, 0), [12 / 18, 1, 1]),
        ((0, 0.95, 0), [0, 1, 1]),
        ((0.5, 0, 0), [12 / 18, 1, 1]),
        ((0.95, 0, 0), [0, 1, 1]),
    ):
        np.testing.assert_allclose(table.dice(*dropped)[:, 0], expected)
    assert table.spares_ships(0, 0.7).all()
    assert not table.spares_ships(0, 0.95).any()


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


def test_the_classifier_silences_no_more_than_the_ship_threshold_leaves_to_it() -> None:
    ships = [image(800, 0, ship_probability=0.7) for _ in range(20)]
    # Some of them only the ship threshold can keep out; what it drops of the others is dropped, too.
    doubtful = [image(0, 300, ship_probability=p, false_certainty=0.62) for p in (0.65, 0.8) * 10]
    sure = [image(0, 300, ship_probability=0.2) for _ in range(20)]
    chosen = tune(ships + doubtful + sure, UNTUNED, cascade=True)
    assert chosen.ship_threshold == pytest.approx(0.65)
    assert chosen.classifier_threshold == pytest.approx(0.45, abs=0.02)


def test_at_most_two_percent_of_the_ships_are_silenced_however_much_it_would_gain() -> None:
    rng = np.random.default_rng(0)
    ships = [image(1000, 0, ship_probability=p) for p in rng.uniform(0.2, 1.0, 100)]
    empties = [image(0, 500, ship_probability=0.6) for _ in range(2000)]
    threshold = tune(ships + empties, UNTUNED, cascade=True).classifier_threshold
    # Of all such images 2 % are below 0.216; how far their logits reach below the median tells less.
    assert 0.05 < threshold < 0.216
    assert sum(one.ship_probability < threshold for one in ships) <= 2


def test_more_ships_are_silenced_where_more_may_be() -> None:
    ships = [image(1000, 0, ship_probability=p) for p in np.linspace(0.1, 0.99, 1000)]
    images = ships + [image(0, 500, ship_probability=p) for p in np.linspace(0, 1, 5000)]
    for share in (0.0, 0.05, 0.3):
        threshold = tune(images, UNTUNED, cascade=True, max_silenced_ships=share).classifier_threshold
        silenced = np.mean([one.ship_probability < threshold for one in ships])
        assert share - 0.02 <= silenced <= share


@pytest.mark.parametrize(("count", "tolerance"), [(20, 0.02), (60, 0.01), (2000, 0.005)])
def test_silenced_shares_are_near_those_of_all_images_however_few_are_known(
    count: int, tolerance: float
) -> None:
    rng = np.random.default_rng(0)

    def probabilities(images: int) -> npt.NDArray[np.float32]:
        return (1 / (1 + np.exp(-rng.normal(3, 1.5, images)))).astype(np.float32)

    everything = probabilities(100_000)
    excess = []
    for _ in range(50):
        feasible = CLASSIFIER_THRESHOLDS[silenced_shares(probabilities(count)) <= 0.02]
        excess.append((everything < feasible.max()).mean() - 0.02)
    assert abs(np.mean(excess)) < tolerance


def test_the_threshold_0_silences_none_however_far_the_images_are_apart() -> None:
    shares = silenced_shares(np.array([1e-9, 1e-6, 0.001, 0.5, 0.999, 1.0], np.float32))
    assert shares[0] == 0
    assert (shares[1:] > 0.02).all()


def test_silenced_shares_of_many_images_are_counted() -> None:
    probabilities = np.array([0.05] * 10 + [0.5] * 90 + [0.9] * 400, np.float32)
    shares = silenced_shares(probabilities)
    for threshold, expected in ((0.05, 0), (0.06, 0.02), (0.5, 0.02), (0.51, 0.2), (0.95, 1)):
        column = int(np.abs(CLASSIFIER_THRESHOLDS - np.float32(threshold)).argmin())
        assert shares[column] == pytest.approx(expected)


@pytest.mark.parametrize("probabilities", [[0.7], [0.7, 0.7, 0.7]])
def test_images_that_are_all_alike_are_silenced_together(probabilities: list[float]) -> None:
    shares = silenced_shares(np.array(probabilities, np.float32))
    np.testing.assert_array_equal(shares, np.float32(0.7) < CLASSIFIER_THRESHOLDS)


def test_the_classifier_drops_what_it_does_not_confirm_beside_ships_that_it_does() -> None:
    images = [image(800, 300, ship_probability=0.9, false_confirmation=0.2) for _ in range(20)]
    empties = [image(0, 300, ship_probability=0.2) for _ in range(20)]
    chosen = tune(images + empties, UNTUNED, cascade=True)
    assert 0.2 < chosen.classifier_threshold < 0.9
    assert report(images + empties, chosen, UNTUNED, cascade=True)["dice"]["all"] > 0.95


def test_a_useless_minimal_area_stays_zero() -> None:
    images = [image(800, 0) for _ in range(10)] + [image(0, 0, ship_probability=0.1) for _ in range(10)]
    chosen = tune(images, UNTUNED, cascade=False)
    assert (chosen.ship_threshold, chosen.min_ship_pixels) == (0, 0)


def test_a_ship_threshold_above_doubtful_ships_is_found_and_the_mask_threshold_stays() -> None:
    images = [image(800, 90, best=0.4, false_certainty=0.62) for _ in range(10)]
    images += [image(0, 300, false_certainty=0.62) for _ in range(10)]
    chosen = tune(images, UNTUNED, cascade=False)
    assert chosen.ship_threshold == pytest.approx(0.65)
    assert chosen.mask_threshold == pytest.approx(0.4, abs=0.03)


def test_a_ship_threshold_that_costs_a_found_ship_is_ruled_out() -> None:
    doubtful = ImageCounts(0.9, (40,), ships(40, hit=40, certainty=0.6))
    images = [doubtful] + [image(800, 0) for _ in range(20)]
    images += [image(0, 300, false_certainty=0.62) for _ in range(100)]
    assert tune(images, UNTUNED, cascade=False).ship_threshold <= 0.6


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
    assert (table.dice(0, 0, chosen.min_ship_pixels)[:2, column] > 0).all()


def test_the_minimal_area_never_exceeds_the_smallest_labelled_ship_even_if_it_was_missed() -> None:
    missed = image(25, 0, found=0.0)
    images = [missed] + [image(800, 0) for _ in range(30)] + [image(0, 35) for _ in range(100)]
    table = EvalTable.of(images)
    assert choose_min_ship_pixels(table, 0.0, 0.5, 0.0) <= 25


def test_the_minimal_area_looks_at_ships_not_at_images() -> None:
    fleets = [ImageCounts(0.9, (25,) * 40, ships(900, hit=900)) for _ in range(30)]
    table = EvalTable.of(fleets + [image(0, 35) for _ in range(100)])
    assert choose_min_ship_pixels(table, 0.0, 0.5, 0.0) <= 25


def test_without_ships_everything_stays_untuned_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert tune([image(0, 5)], UNTUNED, cascade=True) == UNTUNED
        assert tune([], UNTUNED, cascade=True) == UNTUNED
    assert "no eval image with ships" in caplog.text


def test_without_empties_only_the_mask_threshold_is_tuned(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        chosen = tune([image(1000, 0, best=0.3)] * 5, UNTUNED, cascade=True)
    assert chosen.mask_threshold == pytest.approx(0.3, abs=0.05)
    assert chosen == replace(UNTUNED, mask_threshold=chosen.mask_threshold)
    assert "no eval image without ships" in caplog.text


def test_the_report_tells_the_dice_at_the_chosen_values_and_the_tables() -> None:
    images = [image(1000, 0)] * 3 + [image(0, 20, ship_probability=0.1)]
    chosen = tune(images, UNTUNED, cascade=True)
    told = report(images, chosen, UNTUNED, cascade=True)
    assert told["thresholds"] == vars(chosen)
    assert (told["images"], told["ships"], told["empty"]) == (4, 3, 1)
    assert told["dice"]["empty"] == 1.0
    assert np.shape(told["dice_by_area"]) == (len(MIN_SHIP_PIXELS), len(MASK_THRESHOLDS))
    assert np.shape(told["dice_by_ship_threshold"]) == (len(SHIP_THRESHOLDS), len(MASK_THRESHOLDS))
    assert len(told["dice_by_classifier"]) == len(told["silenced_ships"]) == len(CLASSIFIER_THRESHOLDS)
    column = told["mask_thresholds"].index(chosen.mask_threshold)
    row = told["min_ship_pixels"].index(chosen.min_ship_pixels)
    assert told["dice_by_area"][row][column] == told["dice"]["all"]
    untuned = report(images, replace(chosen, min_ship_pixels=33), UNTUNED, cascade=True)
    row = untuned["min_ship_pixels"].index(33)
    assert untuned["dice_by_area"][row][column] == untuned["dice"]["all"]
    assert report([], UNTUNED, UNTUNED, cascade=True)["dice"] == {"all": None, "ships": None, "empty": None}
