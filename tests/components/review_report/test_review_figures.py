"""Drawing images, curves, extremes and outlines, as plain functions."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from example_files import write_examples
from reviews import CANDIDATE, PUSHED, SHIPS, bare_review, box, judged, whole_review
from sklearn.metrics import precision_score, recall_score, roc_curve

from components.examples import HAS_SHIP, IMAGE_ID, SHIP_GROUP
from components.review_report.curves import curves, roc
from components.review_report.gallery import BEST, MEDIAN, WORST, extremes, most_differing, path
from components.review_report.plots import plot
from components.review_report.sample import draw
from components.ship_detector.thresholds import CURVE_THRESHOLDS

SPLITS = ["test_ships", "test_empty"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """500 empty images, 10 with a ship, 2 with five, one of which is from a place of its own."""
    splits = {split: [] for split in SPLITS}
    for number in range(512):
        ships = 0 if number < 500 else 1 if number < 510 else 5
        record = tf.train.Example()
        feature = record.features.feature
        feature[IMAGE_ID].bytes_list.value.append(f"{number}.jpg".encode())
        feature[HAS_SHIP].int64_list.value.append(int(ships > 0))
        feature[SHIP_GROUP].bytes_list.value.append({0: b"0", 1: b"1-2", 5: b"5-6"}[ships])
        feature["Source"].bytes_list.value.append(b"island" if number == 511 else b"sea")
        feature["encoded_pixels"].bytes_list.value.extend([b"1 70"] * ships)
        splits["test_ships" if ships else "test_empty"].append(record.SerializeToString())
    return write_examples(tmp_path_factory.mktemp("examples"), splits).uri


def test_a_draw_is_even_weighted_and_the_same_every_time(examples):
    sample = draw(examples, SPLITS, ["Source"], 40)
    assert sample.total == 512
    assert not sample.is_whole
    assert len(sample.images) == 40
    by_group = {}
    for image in sample.images:
        by_group.setdefault(image.features[SHIP_GROUP], []).append(image)
    # The rare kinds are there in full, and the weights of all kinds add up to what there is.
    assert {group: len(images) for group, images in by_group.items()} == {"0": 28, "1-2": 10, "5-6": 2}
    for group, total in (("0", 500), ("1-2", 10), ("5-6", 2)):
        assert sum(image.weight for image in by_group[group]) == pytest.approx(total)
    assert by_group["5-6"][0].features["ship_size"] == "60-150"
    assert sample == draw(examples, SPLITS, ["Source"], 40)


def test_a_small_test_set_is_looked_at_as_a_whole(examples):
    sample = draw(examples, SPLITS[:1], ["Source"], 300)
    assert sample.is_whole
    assert {image.weight for image in sample.images} == {1.0}
    assert sum(image.belongs_to({"Source": "island"}) for image in sample.images) == 1


def test_a_column_that_tells_all_images_apart_does_not_use_up_the_draw(examples):
    sample = draw(examples, SPLITS, [IMAGE_ID], 30)
    assert {image.features[SHIP_GROUP] for image in sample.images} == {"0", "1-2", "5-6"}
    assert sum(image.weight for image in sample.images) == pytest.approx(512)


def test_roc_curve_equals_scikit_learn():
    noise = np.random.default_rng(0)
    positive = noise.random(60) < 0.4
    scores = np.round(noise.random(60) + 0.3 * positive, 1)  # with ties
    weights = noise.integers(1, 9, 60).astype(float)
    false, true, _ = roc_curve(positive, scores, sample_weight=weights, drop_intermediate=False)
    np.testing.assert_allclose(roc(scores, positive, weights), np.stack([false, true], axis=1))
    assert roc(scores, np.ones(60, bool), weights) == []


def test_pixel_curves_count_weighted_pixels():
    names = list(SHIPS)
    answers = [judged(SHIPS[name], CANDIDATE[name]) for name in names]
    weights = np.arange(1.0, len(names) + 1)
    made = curves(answers, weights)
    truth = np.concatenate([np.clip(sum(SHIPS[n], box(0, 0, 0, 0)), 0, 1).ravel() for n in names])
    mask = np.concatenate([CANDIDATE[name].mask.ravel() for name in names])
    each = np.repeat(weights, truth.size // len(names))
    expected = (
        recall_score(truth, mask, sample_weight=each),
        precision_score(truth, mask, sample_weight=each),
    )
    reached = CURVE_THRESHOLDS <= 0.8
    assert made.precision_recall == [pytest.approx(expected)] * int(reached.sum())
    ships = np.array([bool(SHIPS[name]) for name in names])
    mean = np.average([one.dice for one in answers], weights=weights * ships)
    assert made.dice_by_threshold[0] == pytest.approx((0.01, mean))
    assert made.dice_by_threshold[-1] == pytest.approx((0.99, 0.0))
    # Of the 15 weights of ship images, d.jpg (4) is below 0.5; the empty image is, too.
    assert made.roc_point == pytest.approx((0.0, 11 / 15))


def test_worst_median_and_best_are_different_images():
    answers = [judged(SHIPS[name], CANDIDATE[name]) for name in SHIPS]
    found = extremes(range(6), answers, 2)
    assert found == {WORST: [3, 2], MEDIAN: [4, 1], BEST: [5, 0]}
    assert extremes([3], answers, 2) == {WORST: [3], MEDIAN: [], BEST: []}


def test_models_differ_most_where_their_dice_does():
    answers, old = ([judged(SHIPS[name], model[name]) for name in SHIPS] for model in (CANDIDATE, PUSHED))
    assert most_differing(answers, old, 9) == [0, 2]
    assert most_differing(answers, [], 9) == []


def test_outlines_enclose_the_pixels_of_a_mask():
    noise = np.random.default_rng(0)
    mask = (cv2.GaussianBlur(noise.random((96, 96)), (0, 0), 4) > 0.51).astype(np.uint8)
    mask[40, 30:60] = 1  # a line of pixels
    again = np.zeros((96 * 4, 96 * 4), np.uint8)
    for piece in path(mask).removesuffix("Z").split("Z"):
        points = np.array([step.split() for step in piece[1:].split("L")], float)
        # Even-odd: what is enclosed twice is a hole.
        layer = cv2.fillPoly(np.zeros_like(again), [np.rint(points * 4).astype(np.int32)], 1)
        again ^= layer
    drawn = cv2.resize(again, (96, 96), interpolation=cv2.INTER_AREA)
    overlap = 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum())
    assert overlap > 0.93
    assert path(box(0, 0, 0, 0)) == ""


def test_a_picture_stands_in_the_page_once_for_all_its_slices():
    shown = whole_review().gallery
    assert len(shown.pictures) == len({picture.image.image_id for picture in shown.pictures})
    places = {picture.image.image_id: picture.places for picture in shown.pictures}
    assert places["a.jpg"][0] == (BEST, 1)
    assert places["empty.jpg"] == {0: (BEST, 0), 1: (WORST, 0), 5: (WORST, 0)}
    assert [picture.image.image_id for picture in shown.disagreements] == ["a.jpg", "c.jpg"]


def test_without_a_pushed_model_nothing_is_compared():
    shown = bare_review().gallery
    assert shown.disagreements == []
    assert [one.label for one in shown.slices] == ["all"]


def test_a_plot_scales_to_its_values_and_is_none_without_any():
    assert plot("t", "x", "y", [("candidate", "c", [])]) is None
    drawn = plot(
        "t", "x", "y", [("candidate", "c", [(0, 3.0), (40, 1.0), (80, float("nan"))])], unit_scale=False
    )
    assert drawn.lines[0].path == "M0 0L250 110"
    assert [text for _, text in drawn.x_ticks] == ["0", "10", "20", "30", "40"]


def test_a_single_epoch_is_a_dot_on_scales_from_zero():
    (line,) = plot("t", "x", "y", [("candidate", "c", [(20, 0.08)])], unit_scale=False).lines
    assert line.is_dot
    assert line.path == "M250 0L250 0"
    nothing = plot("t", "x", "y", [("candidate", "c", [(0, 0.0)])], unit_scale=False)
    assert nothing.lines[0].path == "M0 165L0 165"
