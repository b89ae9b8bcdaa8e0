"""From the artifacts of a run to its page, with a detector that is really run and TFMA's own results."""

import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
from brightness_networks import classifier, encoded, example, scene, segmenter
from example_files import write_examples
from google.protobuf import json_format
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.evaluation.component import Executor
from components.evaluation.config import eval_config
from components.evaluation.settings import EvaluationSettings
from components.examples import HAS_SHIP, IMAGE_ID, SHIP_GROUP, ship_group
from components.review_report.card import model_card
from components.review_report.page import Origin, render
from components.review_report.review import Sources, review
from components.review_report.settings import ReviewSettings
from components.ship_detector.detector import ShipDetector
from components.ship_detector.export import THRESHOLDS_FILE, export
from components.ship_detector.settings import DetectorSettings
from components.transform.settings import ContrastSettings

# A run of TFMA.
pytestmark = pytest.mark.slow

SPLITS = ["test_ships", "test_empty"]
PLACES = [(10, 10, 20, 30), (40, 20, 12, 40), (60, 50, 10, 10)]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A first model, judged on three images that all show ships."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "statistics").mkdir()
    detector = ShipDetector(
        classifier(),
        segmenter(),
        ContrastSettings(),
        DetectorSettings(tile_px=256, overlap_px=32),
    )
    export(detector, {"thresholds": {}}, str(folder / "statistics"), str(folder / "model" / "Format-Serving"))
    (folder / "model" / THRESHOLDS_FILE).write_text('{"thresholds": {}}', encoding="utf-8")
    records = []
    for number, place in enumerate(PLACES):
        # The label is a little larger than what is bright.
        mask = cv2.dilate(np.uint8(scene(96, 96, place)[..., 0] > 130), np.ones((3, 3), np.uint8))
        features = {IMAGE_ID: f"{number}.png".encode(), SHIP_GROUP: ship_group(1).encode()}
        record = example(encoded(scene(96, 96, place)), [mask], **features)
        records.append(_with_label(record))
    examples = write_examples(folder / "examples", {"test_ships": records, "test_empty": []})
    model, none, evaluation = (
        standard_artifacts.Model(),
        standard_artifacts.Model(),
        standard_artifacts.ModelEvaluation(),
    )
    model.uri, none.uri, evaluation.uri = (str(folder / name) for name in ("model", "none", "evaluation"))
    model.id = 1
    settings = EvaluationSettings()
    Executor().Do(
        {"examples": [examples], "model": [model], "baseline_model": [none]},
        {"evaluation": [evaluation]},
        {
            "eval_config": json_format.MessageToJson(eval_config(settings)),
            "rules": json.dumps(settings.model_dump(mode="json")["rules"]),
            "example_splits": json_utils.dumps(SPLITS),
        },
    )
    return Sources(examples.uri, model.uri, evaluation.uri, none.uri)


def _with_label(record):
    labelled = tf.train.Example.FromString(record)
    labelled.features.feature[HAS_SHIP].int64_list.value.append(1)
    return labelled.SerializeToString()


def test_without_empty_images_and_pushed_model_there_is_a_page_and_a_card(sources):
    found = review(sources, SPLITS, ReviewSettings())
    assert found.sample.is_whole
    assert {image.image_id for image in found.sample.images} == {"0.png", "1.png", "2.png"}
    assert found.baseline is None
    # Nothing to tell ships from.
    assert found.candidate.curves.roc == []
    assert {precision for _, precision in found.candidate.curves.precision_recall} == {1.0}
    assert {one.label for one in found.gallery.slices} >= {"all", "with ships", "1-2 ships"}
    page = render(found, Origin("20261123-100000"))
    assert "Ship or no ship (ROC)" not in page
    assert "Precision and recall of ship pixels" in page
    assert "no model was pushed yet" in page
    card = model_card(found, Origin("20261123-100000"))
    assert "| with ships | 3 |" in card
    assert "No slice has 5 test images" in card


def test_a_draw_of_them_says_so(sources):
    found = review(sources, SPLITS, ReviewSettings(images=2))
    assert (len(found.sample.images), found.sample.total) == (2, 3)
    assert "From 2 of 3 test images" in render(found, Origin("RUN"))
