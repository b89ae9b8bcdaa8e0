"""The artifacts that DataReport reads, made by the stages that make them in a run."""

import shutil
from pathlib import Path

from tfx import v1 as tfx
from tfx.components.example_validator.executor import Executor as ExampleValidator
from tfx.components.statistics_gen.executor import Executor as StatisticsGen
from tfx.types import standard_artifacts

from components.image_screener.executor import Executor as ImageScreener
from components.image_screener.settings import ScreeningSettings
from components.ship_example_gen.component import LabelReport, ShipExampleGen
from components.ship_example_gen.executor import Executor as Ingestion
from schemas import SHIP_IMAGES

Artifacts = dict[str, list[tfx.dsl.Artifact]]


def run_stages(folder: Path, images: Path, labels: Path) -> Artifacts:
    """Ingestion, statistics, validation and screening of a data set; the inputs of DataReport."""
    types = {
        "raw_examples": standard_artifacts.Examples,
        "statistics": standard_artifacts.ExampleStatistics,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "schema": standard_artifacts.Schema,
        "quarantine": standard_artifacts.Examples,
        "label_report": LabelReport,
        "clean": standard_artifacts.Examples,
    }
    made: Artifacts = {name: [kind()] for name, kind in types.items()}
    for name, (artifact,) in made.items():
        artifact.uri = str(folder / name)
    (folder / "schema").mkdir(parents=True)
    shutil.copy(SHIP_IMAGES, folder / "schema" / "schema.pbtxt")

    Ingestion().Do(
        {},
        {"examples": made["raw_examples"], "label_report": made["label_report"]},
        ShipExampleGen(str(images), str(labels)).spec.exec_properties,
    )
    StatisticsGen().Do(
        {"examples": made["raw_examples"], "schema": made["schema"]}, {"statistics": made["statistics"]}, {}
    )
    ExampleValidator().Do(
        {"statistics": made["statistics"], "schema": made["schema"]}, {"anomalies": made["anomalies"]}, {}
    )
    ImageScreener().Do(
        {"raw_examples": made["raw_examples"], "schema": made["schema"]},
        {"examples": made.pop("clean"), "quarantine": made["quarantine"]},
        {"settings": ScreeningSettings().model_dump_json()},
    )
    return made
