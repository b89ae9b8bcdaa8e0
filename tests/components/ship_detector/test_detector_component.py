import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from brightness_networks import classifier, encoded, example, scene, segmenter
from example_files import write_examples
from tfx.types import artifact, standard_artifacts
from tfx.types.channel import Channel
from tfx.utils import path_utils

from components.errors import InputError
from components.ship_detector.component import ShipDetector
from components.ship_detector.executor import Executor
from components.ship_detector.settings import DetectorSettings
from components.transform.settings import ContrastSettings

pytestmark = pytest.mark.slow

BOX = (20, 30, 12, 25)


def trained(folder: Path, network: keras.Model, **settings: Any) -> Any:
    """Model artifact as a trainer leaves it."""
    model = standard_artifacts.Model()
    model.uri = str(folder)
    serving = Path(path_utils.serving_model_dir(model.uri))
    serving.mkdir(parents=True)
    network.save(serving / "model.keras")
    (serving / "history.json").write_text(json.dumps({"settings": settings, "epochs": []}))
    return model


def statistics(folder: Path) -> artifact.Artifact:
    made = standard_artifacts.ExampleStatistics()
    made.uri = str(folder)
    (folder / "Split-train_ships").mkdir(parents=True)
    (folder / "Split-train_ships" / "FeatureStats.pb").write_bytes(b"as StatisticsGen wrote it")
    return made


def records(ships: int, empties: int) -> dict[str, list[bytes]]:
    image, empty = scene(64, 64, BOX), scene(64, 80)
    mask = (image[..., 0] > 130).astype(np.uint8)
    return {
        "eval_ships": [example(encoded(image), [mask])] * ships,
        "eval_empty": [example(encoded(empty), [])] * empties,
        # Never to be read: it would fail.
        "test_ships": [b"no example"],
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    def execute(splits: dict[str, list[bytes]], **settings: Any) -> tuple[Path, dict[str, Any]]:
        model = standard_artifacts.Model()
        model.uri = str(tmp_path / "detector")
        Executor().Do(
            {
                "classifier": [trained(tmp_path / "classifier", classifier())],
                "segmenter": [trained(tmp_path / "segmenter", segmenter())],
                "examples": [write_examples(tmp_path / "examples", splits)],
                "statistics": [statistics(tmp_path / "statistics")],
            },
            {"model": [model]},
            {
                "settings": DetectorSettings(tile_px=256, overlap_px=32, **settings).model_dump_json(),
                "contrast": ContrastSettings().model_dump_json(),
                "code_digest": "0",
            },
        )
        folder = Path(path_utils.serving_model_path(model.uri))
        return folder, json.loads((tmp_path / "detector" / "thresholds.json").read_text())

    yield execute


def test_the_saved_model_lies_where_pusher_looks_and_has_the_tuned_thresholds(run: Any) -> None:
    folder, tuning = run(records(ships=3, empties=3), min_ship_pixels=9)
    assert tuning["dice"] == {"all": 1.0, "ships": 1.0, "empty": 1.0}
    assert (tuning["ships"], tuning["empty"]) == (3, 3)
    assert tuning["thresholds"]["min_ship_pixels"] == 0
    assert json.loads((folder / "assets.extra" / "thresholds.json").read_text()) == tuning
    kept = folder / "assets.extra" / "data_statistics" / "Split-train_ships" / "FeatureStats.pb"
    assert kept.read_bytes() == b"as StatisticsGen wrote it"

    model = tf.saved_model.load(str(folder))
    assert float(model.mask_threshold) == pytest.approx(tuning["thresholds"]["mask_threshold"])
    assert float(model.classifier_threshold) == pytest.approx(tuning["thresholds"]["classifier_threshold"])
    answer = model.signatures["serving_default"](image_bytes=tf.constant([encoded(scene(64, 64, BOX))]))
    assert answer["ship_pixels"].numpy().tolist() == [12 * 25]


def test_without_eval_ships_the_thresholds_of_the_settings_stay(run: Any) -> None:
    _, tuning = run(records(ships=0, empties=2), mask_threshold=0.6, min_ship_pixels=9)
    assert tuning["thresholds"] == tuning["untuned"]
    assert tuning["thresholds"] == {
        "mask_threshold": 0.6,
        "ship_threshold": 0.0,
        "min_ship_pixels": 9,
        "classifier_threshold": 0.5,
    }


def test_without_tuning_no_record_is_read(run: Any) -> None:
    _, tuning = run({"eval_ships": [b"no example"]}, tune=False)
    assert tuning["thresholds"] == tuning["untuned"]
    assert tuning["images"] == 0


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    from components.ship_detector.networks import load_network

    with pytest.raises(InputError, match=r"no trained network at .*model\.keras"):
        load_network(str(tmp_path))


def test_the_component_declares_its_contract() -> None:
    component = ShipDetector(
        classifier=Channel(type=standard_artifacts.Model),
        segmenter=Channel(type=standard_artifacts.Model),
        examples=Channel(type=standard_artifacts.Examples),
        statistics=Channel(type=standard_artifacts.ExampleStatistics),
        settings=DetectorSettings(test_time_augmentation=4),
        contrast=ContrastSettings(method="clahe"),
    )
    assert component.outputs["model"].type is standard_artifacts.Model
    restored = DetectorSettings.model_validate_json(component.exec_properties["settings"])
    assert restored == DetectorSettings(test_time_augmentation=4)
    assert len(component.exec_properties["code_digest"]) == 16
