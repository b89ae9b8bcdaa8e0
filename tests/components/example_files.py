"""Examples artifacts for tests of single stages."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from components.record_files import split_folder


def write_examples(folder: Path, splits: Mapping[str, Iterable[bytes]]) -> standard_artifacts.Examples:
    """An Examples artifact in `folder` with serialized examples by split."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for split, records in splits.items():
        tf.io.gfile.makedirs(split_folder(artifact.uri, split))
        file = f"{split_folder(artifact.uri, split)}/data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for record in records:
                writer.write(record)
    return artifact
