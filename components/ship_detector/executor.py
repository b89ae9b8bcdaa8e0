"""Joins the two trained networks, tunes the thresholds on the eval split, and writes the SavedModel."""

from collections.abc import Iterator
from typing import Any

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.progress import Meter
from components.ship_detector.detector import ShipDetector
from components.ship_detector.eval_images import count_images
from components.ship_detector.export import export, write_tuning
from components.ship_detector.networks import load_network
from components.ship_detector.settings import DetectorSettings
from components.ship_detector.tuning import report, tune
from components.tfrecords import read_records
from components.transform.settings import ContrastSettings

STAGE = "ShipDetector"
# Thresholds are chosen on images that no network was trained on and that Evaluator does not judge.
TUNING_SPLITS = ("eval_ships", "eval_empty")


class Executor(base_executor.BaseExecutor):
    """Loads, tunes, exports; what it does is in plain functions beside it."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Inputs and outputs as component.ShipDetector declares them.

        Raises:
            InputError: a trained network is missing or has the wrong shape.
        """
        settings = DetectorSettings.model_validate_json(exec_properties["settings"])
        contrast = ContrastSettings.model_validate_json(exec_properties["contrast"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        model_uri = artifact_utils.get_single_uri(output_dict["model"])
        classifiers = input_dict.get("classifier")
        classifier = load_network(_trained(classifiers)) if classifiers else None
        segmenter = load_network(_trained(input_dict["segmenter"]))
        detector = ShipDetector(classifier, segmenter, contrast, settings)
        tuning = tune_on(detector, examples, settings)
        statistics = artifact_utils.get_single_uri(input_dict["statistics"])
        recipe = str(exec_properties.get("recipe") or "{}")
        export(detector, tuning, statistics, path_utils.serving_model_dir(model_uri), recipe)
        write_tuning(tuning, model_uri)


def tune_on(detector: ShipDetector, examples: tfx.dsl.Artifact, settings: DetectorSettings) -> dict[str, Any]:
    """Put thresholds chosen on the eval splits of an Examples artifact in force; returns the report."""
    untuned = detector.thresholds
    if not settings.tune:
        return report([], untuned, untuned, settings.cascade)
    # A first pass over the records costs about 1 % of the second and tells how long that will take.
    total = sum(1 for _ in _eval_records(examples))
    counts = []
    with Meter(STAGE, total, "images") as meter:
        for image in count_images(detector, _eval_records(examples)):
            counts.append(image)
            meter.advance()
    chosen = tune(counts, untuned, settings.cascade, settings.max_silenced_ships)
    detector.set_thresholds(chosen)
    tuning = report(counts, chosen, untuned, settings.cascade)
    logging.info("%s: %s, eval dice %s of %d images", STAGE, chosen, tuning["dice"], len(counts))
    return tuning


def _eval_records(examples: tfx.dsl.Artifact) -> Iterator[bytes]:
    present = artifact_utils.decode_split_names(examples.split_names)
    for split in TUNING_SPLITS:
        if split in present:
            yield from read_records(examples.uri, split)


def _trained(models: list[tfx.dsl.Artifact]) -> str:
    """Folder in which a Trainer left its network."""
    return str(path_utils.serving_model_dir(artifact_utils.get_single_uri(models)))
