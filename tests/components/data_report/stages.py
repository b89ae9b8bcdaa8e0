"""The artifacts that DataReport reads, made by the stages that make them in a run.

Of the statistics only Beam is left out.
"""

import shutil
from pathlib import Path

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import v1 as tfx
from tfx.components.example_validator.executor import Executor as ExampleValidator
from tfx.types import artifact_utils, standard_artifacts
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.examples import SPLITS
from components.image_screener.executor import Executor as ImageScreener
from components.image_screener.settings import ScreeningSettings
from components.ship_example_gen.component import LabelReport, ShipExampleGen
from components.ship_example_gen.executor import Executor as Ingestion
from components.tfrecords import read_records
from schemas import SHIP_IMAGES

# A file name may hold anything but a slash.
HOSTILE_NAME = "<script>document.title='taken'<script> & \"quoted\".jpg"
HOSTILE_LABEL = "<img src=x onerror=\"document.title='taken'\">"
ORDINARY = 14

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
    _write_statistics(made["raw_examples"][0].uri, made["statistics"][0])
    ExampleValidator().Do(
        {"statistics": made["statistics"], "schema": made["schema"]}, {"anomalies": made["anomalies"]}, {}
    )
    ImageScreener().Do(
        {"raw_examples": made["raw_examples"], "schema": made["schema"]},
        {"examples": made.pop("clean"), "quarantine": made["quarantine"]},
        {"settings": ScreeningSettings(actions={"channels": "warn", "chroma": "warn"}).model_dump_json()},
    )
    return made


def _write_statistics(examples_uri: str, statistics: standard_artifacts.ExampleStatistics) -> None:
    """What StatisticsGen writes, by TFDV without Beam: that needs 15 s for these few images."""
    statistics.split_names = artifact_utils.encode_split_names(list(SPLITS))
    schema = text_format.Parse(SHIP_IMAGES.read_text(), schema_pb2.Schema())
    for split in SPLITS:
        records = list(read_records(examples_uri, split))
        found = statistics_pb2.DatasetFeatureStatisticsList(datasets=[{}])
        if records:
            batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
            found = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
        folder = Path(statistics.uri, f"Split-{split}")
        folder.mkdir(parents=True)
        (folder / "FeatureStats.pb").write_bytes(found.SerializeToString())
