"""Real Evaluator runs; the detector is a SavedModel that reads its counts from the Example."""

import json

import numpy as np
import pytest
import tensorflow as tf
from example_files import write_examples
from google.protobuf import json_format
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import json_utils
from told import told_progress

from components.errors import SettingsError
from components.evaluation.component import Executor, ShipEvaluator, in_one_stream
from components.evaluation.config import eval_config
from components.evaluation.digests import subject_of
from components.evaluation.image_numbers import dice
from components.evaluation.names import (
    CASCADE,
    CLASSIFIER,
    HEADLINE_DICE,
    HEADLINE_DICE_SHIPS,
    SEGMENTER,
    VERDICT,
)
from components.evaluation.results import read_evaluation
from components.evaluation.settings import EvaluationSettings
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST, Subject
from components.evaluation.verdict import VERDICT_FILE, from_json
from components.examples import HAS_SHIP, SHIP_GROUP, ship_group, split_name

# Whole runs of TFMA.
pytestmark = pytest.mark.slow

TEST_SPLITS = ["test_ships", "test_empty"]
# tp, fp, fn of the segmenter, the number of ships, and the classifier's probability; one row an image.
IMAGES = np.array(
    [
        [100, 0, 0, 1, 0.9],
        [50, 25, 25, 2, 0.8],
        [0, 0, 80, 1, 0.3],
        [900, 300, 0, 4, 0.7],
        [0, 0, 0, 0, 0.1],
        [0, 12, 0, 0, 0.4],
        [0, 0, 0, 0, 0.6],
    ],
    np.float32,
)


class _Counts(tf.Module):
    """Answers with the counts in the Example, `scale` of the true positives turned into misses."""

    def __init__(self, missed: float) -> None:
        super().__init__()
        self.missed = tf.Variable(missed)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def evaluate(self, examples):
        row = tf.io.parse_example(examples, {"counts": tf.io.FixedLenFeature([5], tf.float32)})["counts"]
        lost = self.missed * row[:, 0]
        counts = tf.stack([row[:, 0] - lost, row[:, 1], row[:, 2] + lost], axis=1)
        judged = tf.cast(row[:, 4:5] >= 0.5, tf.float32)
        return {
            CLASSIFIER: tf.concat([row[:, 4:5], judged], axis=1),
            SEGMENTER: counts,
            CASCADE: counts,
        }


def _save(folder, missed):
    module = _Counts(missed)
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"evaluate": module.evaluate})
    return artifact


def _examples(rows):
    splits = {split: [] for split in TEST_SPLITS}
    for row in rows:
        ships = int(row[3])
        features = {
            "counts": tf.train.Feature(float_list=tf.train.FloatList(value=row)),
            HAS_SHIP: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(ships > 0)])),
            SHIP_GROUP: tf.train.Feature(bytes_list=tf.train.BytesList(value=[ship_group(ships).encode()])),
            "Source": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"airbus"])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        splits[split_name("test", ships)].append(example.SerializeToString())
    return splits


def _evaluate(folder, settings, missed=0.0, baseline_missed=None, rows=IMAGES):
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder / "evaluation")
    baseline = standard_artifacts.Model()
    baseline.uri = str(folder / "none")
    if baseline_missed is not None:
        baseline = _save(folder / "baseline", baseline_missed)
    candidate = _save(folder / "candidate", missed)
    candidate.id = 1
    examples = write_examples(folder / "examples", _examples(rows))
    Executor().Do(
        {"examples": [examples], "model": [candidate], "baseline_model": [baseline]},
        {"evaluation": [evaluation]},
        {
            "eval_config": json_format.MessageToJson(eval_config(settings, ("Source",))),
            "rules": json.dumps(settings.model_dump(mode="json")["rules"]),
            "example_splits": json_utils.dumps(TEST_SPLITS),
        },
    )
    verdict = from_json((folder / "evaluation" / VERDICT_FILE).read_bytes())
    assert evaluation.get_string_custom_property(VERDICT) == verdict.state
    noted = (evaluation.get_string_custom_property(name) for name in (MODEL_DIGEST, EVALUATION_DIGEST))
    assert Subject(*noted) == subject_of(candidate.uri, evaluation.uri)
    return evaluation, verdict, read_evaluation(evaluation.uri)


def _rules(**rule):
    rule = {"metric": "dice", "slice": {HAS_SHIP: 1}, **rule}
    return EvaluationSettings.model_validate({"rules": [rule]})


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    settings = _rules(min=0.5, max_drop=0.02)
    with told_progress() as told:
        evaluation, verdict, result = _evaluate(tmp_path_factory.mktemp("first"), settings)
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("ShipEvaluator", len(IMAGES), len(IMAGES))
    return evaluation, verdict, result


def _numpy_dice(rows):
    per_image = [dice(*row[:3]) for row in rows]
    return np.mean(per_image), dice(*rows[:, :3].sum(axis=0))


@pytest.mark.parametrize(
    ("features", "kept"),
    [
        ({}, IMAGES[:, 3] >= 0),
        ({HAS_SHIP: "1"}, IMAGES[:, 3] > 0),
        ({HAS_SHIP: "0"}, IMAGES[:, 3] == 0),
        ({SHIP_GROUP: "1-2"}, (IMAGES[:, 3] > 0) & (IMAGES[:, 3] < 3)),
        ({SHIP_GROUP: "3-4"}, IMAGES[:, 3] > 2),
        ({"Source": "airbus", HAS_SHIP: "1"}, IMAGES[:, 3] > 0),
    ],
)
def test_dice_equals_numpy_on_every_slice(first, features, kept):
    part = next(part for part in first[2].candidate if part.matches(features))
    mean_dice, pixel_dice = _numpy_dice(IMAGES[kept].astype(float))
    assert part.images == kept.sum()
    for head in (SEGMENTER, CASCADE):
        assert part.value(head, "dice") == pytest.approx(mean_dice, abs=1e-6)
        assert part.value(head, "pixel_dice") == pytest.approx(pixel_dice, abs=1e-6)


def test_the_classifier_is_judged_against_ship_or_no_ship(first):
    overall = first[2].candidate[0]
    # Of the 4 x 3 pairs of a ship and an empty image, 10 are ranked rightly.
    assert overall.value(CLASSIFIER, "auc") == pytest.approx(10 / 12)
    assert overall.value(CLASSIFIER, "recall") == pytest.approx(3 / 4)
    assert overall.value(CLASSIFIER, "precision") == pytest.approx(3 / 4)


def test_a_slice_of_one_image_has_no_interval(first):
    part = next(part for part in first[2].candidate if part.matches({SHIP_GROUP: "3-4"}))
    assert part.images == 1
    assert part.figures[CASCADE, "dice"].lower is None


def test_resampling_gives_every_metric_an_interval(tmp_path):
    settings = EvaluationSettings(confidence_intervals="bootstrap")
    _, _, result = _evaluate(tmp_path, settings)
    for figure in (
        result.candidate[0].figures[CASCADE, "pixel_dice"],
        result.candidate[0].figures[CLASSIFIER, "auc"],
    ):
        assert figure.lower < figure.value < figure.upper


def test_slices_come_in_reading_order(first):
    names = [tuple(part.features.values()) for part in first[2].candidate]
    assert names[:6] == [(), ("0",), ("1",), ("0",), ("1-2",), ("3-4",)]


def test_a_first_model_over_its_bound_passes_and_has_a_headline(first):
    evaluation, verdict, _ = first
    at_least, drop = verdict.checks
    assert (verdict.state, at_least.outcome, at_least.images) == ("passed", "pass", 4)
    assert (drop.outcome, drop.reason, drop.holds) == ("cannot be judged", "no model was pushed yet", False)
    ships = IMAGES[IMAGES[:, 3] > 0].astype(float)
    assert at_least.value == pytest.approx(_numpy_dice(ships)[0])
    assert at_least.lower < at_least.value < at_least.upper
    assert evaluation.get_float_custom_property(HEADLINE_DICE_SHIPS) == pytest.approx(_numpy_dice(ships)[0])
    assert evaluation.get_float_custom_property(HEADLINE_DICE) == pytest.approx(
        _numpy_dice(IMAGES.astype(float))[0]
    )


@pytest.mark.parametrize(("missed", "state"), [(0.0, "passed"), (0.3, "failed")])
def test_a_model_worse_than_the_pushed_one_fails(tmp_path, missed, state):
    settings = _rules(min=0.1, max_drop=0.02)
    _, verdict, result = _evaluate(tmp_path, settings, missed=missed, baseline_missed=0.0)
    assert verdict.state == state
    assert verdict.checks[1].baseline == pytest.approx(result.baseline[2].value(CASCADE, "dice"))
    assert len(result.baseline) == len(result.candidate)
    assert result.baseline[0].value(CASCADE, "dice") >= result.candidate[0].value(CASCADE, "dice")


def test_without_ship_images_nothing_can_be_judged(tmp_path):
    _, verdict, _ = _evaluate(tmp_path, _rules(min=0.0), rows=IMAGES[IMAGES[:, 3] == 0])
    assert verdict.state == "undecided"


def test_a_rule_about_a_slice_that_is_not_measured_is_refused_before_anything_runs():
    settings = EvaluationSettings.model_validate(
        {"rules": [{"metric": "dice", "min": 0.5, "slice": {"Sauce": "airbus", HAS_SHIP: 1}}]}
    )
    model, examples = (
        channel_utils.as_channel([kind()]) for kind in (standard_artifacts.Model, standard_artifacts.Examples)
    )
    with pytest.raises(SettingsError, match=r"rules\.0\.slice.*Sauce.*Source"):
        ShipEvaluator(
            examples=examples,
            model=model,
            baseline_model=model,
            splits=TEST_SPLITS,
            columns=("Source",),
            settings=settings,
        )


@pytest.mark.parametrize(
    ("splits", "read"),
    [
        (TEST_SPLITS, ["test_*"]),
        (["test_ships"], ["test_ships*"]),
        (["test_ships", "eval_ships"], ["test_ships", "eval_ships"]),
    ],
)
def test_splits_are_read_in_one_stream_unless_that_would_read_others(splits, read):
    examples = standard_artifacts.Examples()
    examples.uri = "somewhere"
    examples.split_names = json_utils.dumps([*TEST_SPLITS, "eval_ships", "eval_empty"])
    (copy,), names = in_one_stream([examples], splits)
    assert names == read
    assert set(names) <= set(json_utils.loads(copy.split_names))
    assert copy.uri == "somewhere"
    assert json_utils.loads(examples.split_names)[:2] == TEST_SPLITS
