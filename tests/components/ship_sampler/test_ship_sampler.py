"""The ShipSampler on real record files."""

import csv
from pathlib import Path

import pytest
import tensorflow as tf
from example_files import write_examples
from tfx.types import artifact_utils, standard_artifacts

from components.examples import ENCODED_PIXELS, IMAGE_ID, SHIP_GROUP, SPLITS, ship_group, split_name
from components.ship_sampler.component import SAMPLE_CSV, SAMPLED_SPLITS, Executor
from components.ship_sampler.settings import SamplingSettings
from components.tfrecords import read_records

# Stages as a whole.
pytestmark = pytest.mark.slow


def _example(image_id, ships):
    """The mask of ship n reads "n 1"."""
    texts = {IMAGE_ID: image_id, SHIP_GROUP: ship_group(ships), "image": "bytes as found"}
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
        for name, text in texts.items()
    }
    masks = [f"{ship} 1".encode() for ship in range(ships)]
    features[ENCODED_PIXELS] = tf.train.Feature(bytes_list=tf.train.BytesList(value=masks))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(
        deterministic=True
    )


def test_drawn_images_are_copied_as_they_are_and_test_splits_are_left_out(tmp_path):
    written = {split: [] for split in SPLITS}
    for role in ("train", "eval", "test"):
        for ships in (0, 1, 9):
            records = [_example(f"{role}-{ships}-{number}.jpg", ships) for number in range(6)]
            written[split_name(role, ships)] += records
    source, sampled = write_examples(tmp_path / "source", written), standard_artifacts.Examples()
    sampled.uri = str(tmp_path / "sampled")

    settings = SamplingSettings(strategy="balanced", empties=2, per_group=3, eval_images=5)
    Executor().Do(
        {"examples": [source]},
        {"sampled_examples": [sampled]},
        {"settings": settings.model_dump_json(), "code_digest": ""},
    )

    assert artifact_utils.decode_split_names(sampled.split_names) == list(SAMPLED_SPLITS)
    found = {split: list(read_records(sampled.uri, split)) for split in SAMPLED_SPLITS}
    assert {split: len(records) for split, records in found.items()} == {
        "train_ships": 6,
        "train_empty": 2,
        "eval_ships": 5,
        "eval_empty": 5,
    }
    with Path(sampled.uri, SAMPLE_CSV).open(newline="") as file:
        told = {(row["role"], row["group"]): row for row in csv.DictReader(file)}
    assert (told["train", "9-10"]["drawn"], told["train", "9-10"]["shortfall"]) == ("3", "0")
    assert (told["train", "3-4"]["available"], told["train", "3-4"]["shortfall"]) == ("0", "3")
    for split, records in found.items():
        assert set(records) <= set(written[split])
        assert len(set(records)) == len(records)


def test_the_mistake_of_the_report_loses_masks_of_training_images_only(tmp_path):
    written = {split: [] for split in SPLITS}
    for role in ("train", "eval"):
        written[f"{role}_ships"] = [_example(f"{role}-{number}.jpg", 9) for number in range(4)]
        written[f"{role}_empty"] = [_example(f"{role}-empty.jpg", 0)]
    source, sampled = write_examples(tmp_path / "source", written), standard_artifacts.Examples()
    sampled.uri = str(tmp_path / "sampled")
    settings = SamplingSettings(strategy="balanced", per_group=10, rows_mistake=True)
    Executor().Do(
        {"examples": [source]},
        {"sampled_examples": [sampled]},
        {"settings": settings.model_dump_json(), "code_digest": ""},
    )

    masks = []
    for record in read_records(sampled.uri, "train_ships"):
        feature = tf.train.Example.FromString(record).features.feature
        own = list(feature[ENCODED_PIXELS].bytes_list.value)
        assert 0 < len(own) == len(set(own)) < 9
        assert feature["image"].bytes_list.value[0] == b"bytes as found"
        masks += own
    # Of the 36 rows.
    assert len(masks) == 10
    for split in ("train_empty", "eval_ships", "eval_empty"):
        assert list(read_records(sampled.uri, split)) == written[split]
