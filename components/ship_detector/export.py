"""Writing the detector as a SavedModel that carries the record of its thresholds."""

import json
import posixpath
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.utils import io_utils

from components.baseline.model_store import ASSETS_EXTRA, DATA_STATISTICS, SETTINGS_FILE
from components.ship_detector.detector import ShipDetector
from components.ship_detector.signatures import signatures

THRESHOLDS_FILE = "thresholds.json"


def export(
    detector: ShipDetector, tuning: dict[str, Any], statistics: str, folder: str, recipe: str = "{}"
) -> None:
    """Write the SavedModel into `folder`, with thresholds, data statistics and settings in `assets.extra`.

    Args:
        detector: with its thresholds in force.
        tuning: report of the tuning, JSON values only; becomes `thresholds.json`.
        statistics: folder of StatisticsGen's; new data can be held against it as long as the model serves.
        folder: on any filesystem that TensorFlow can write; `saved_model.pb` comes last, for pollers.
        recipe: JSON of the settings that the model was made with, by which later ones can be told apart.
    """
    with tempfile.TemporaryDirectory() as scratch:
        tf.saved_model.save(detector, scratch, signatures=signatures(detector))
        write_tuning(tuning, posixpath.join(scratch, ASSETS_EXTRA))
        Path(scratch, ASSETS_EXTRA, SETTINGS_FILE).write_text(recipe, encoding="utf-8")
        io_utils.copy_dir(statistics, posixpath.join(scratch, ASSETS_EXTRA, DATA_STATISTICS))
        files = [file for file in Path(scratch).rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: file.name == "saved_model.pb"):
            target = posixpath.join(folder, file.relative_to(scratch).as_posix())
            tf.io.gfile.makedirs(posixpath.dirname(target))
            tf.io.gfile.copy(str(file), target, overwrite=True)


def write_tuning(tuning: dict[str, Any], folder: str) -> None:
    """Write `thresholds.json` into `folder`."""
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(posixpath.join(folder, THRESHOLDS_FILE), "w") as file:
        file.write(json.dumps(tuning, indent=1))
