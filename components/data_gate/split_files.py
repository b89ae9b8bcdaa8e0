"""What StatisticsGen and ExampleValidator wrote about each split of a data set."""

import posixpath

import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.utils import anomalies_util
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.examples import SPLITS


def read_statistics(uri: str) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Statistics of each split that a folder of StatisticsGen's layout holds."""
    files = _files(uri, "FeatureStats.pb")
    return {split: tfdv.load_stats_binary(file) for split, file in files.items()}


def read_anomalies(uri: str) -> dict[str, anomalies_pb2.Anomalies]:
    """Anomalies of each split that a folder of ExampleValidator's layout holds."""
    files = _files(uri, "SchemaDiff.pb")
    return {split: anomalies_util.load_anomalies_binary(file) for split, file in files.items()}


def _files(uri: str, name: str) -> dict[str, str]:
    files = {split: posixpath.join(uri, f"Split-{split}", name) for split in SPLITS}
    return {split: file for split, file in files.items() if tf.io.gfile.exists(file)}
