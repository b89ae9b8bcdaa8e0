"""The component's executor on generated data: in == out, whatever the files are."""

import csv
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from told import told_progress

from components import parallel
from components.examples import SPLITS
from components.ship_example_gen import executor, listing, measuring, measuring_pass, stored_lists
from components.ship_example_gen.component import LabelReport, ShipExampleGen
from components.ship_example_gen.decoding import Decoded, decode
from components.ship_example_gen.executor import Executor
from components.ship_example_gen.listing import list_images
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.settings import IngestionSettings
from components.tfrecords import read_records

# Stages as a whole.
pytestmark = pytest.mark.slow

EDGE_PX = 48


class Outcome:
    """What a run left behind."""

    def __init__(self, data_set, folder: Path, settings: IngestionSettings) -> None:
        self.artifact, report = standard_artifacts.Examples(), LabelReport()
        self.artifact.uri, report.uri = str(folder / "examples"), str(folder / "report")
        component = ShipExampleGen(*data_set.paths, settings=settings)
        Executor().Do(
            {}, {"examples": [self.artifact], "label_report": [report]}, component.spec.exec_properties
        )
        self.by_split = {
            split: [tf.train.Example.FromString(record) for record in read_records(self.artifact.uri, split)]
            for split in SPLITS
        }
        self.examples = {
            _text(example, "image_id"): example for examples in self.by_split.values() for example in examples
        }
        self.splits = {
            _text(example, "image_id"): split
            for split, examples in self.by_split.items()
            for example in examples
        }
        with (folder / "report" / "label_issues.csv").open(newline="", errors="surrogateescape") as file:
            self.issues = list(csv.DictReader(file))


def _text(example: tf.train.Example, name: str) -> str:
    return example.features.feature[name].bytes_list.value[0].decode(errors="surrogateescape")


def _integer(example: tf.train.Example, name: str) -> int:
    return example.features.feature[name].int64_list.value[0]


@pytest.fixture
def ingested(tmp_path) -> Callable[..., Outcome]:
    return lambda data_set: Outcome(data_set, tmp_path / "out", IngestionSettings())


def test_clean_images(ingested, data_set, ship, caplog):
    with caplog.at_level("INFO"), told_progress() as told:
        outcome = ingested(data_set)
    assert artifact_utils.decode_split_names(outcome.artifact.split_names) == list(SPLITS)
    assert outcome.artifact.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert sum(map(len, outcome.by_split.values())) == len(outcome.examples) == 5
    example = outcome.examples["image0.jpg"]
    image_bytes = (data_set.images / "image0.jpg").read_bytes()
    feature = example.features.feature
    assert feature["image"].bytes_list.value == [image_bytes]
    assert _text(example, "sha1") == hashlib.sha1(image_bytes).hexdigest()
    assert [text.decode() for text in feature["encoded_pixels"].bytes_list.value] == [
        ship(2, 2),
        ship(20, 20),
    ]
    integers = (
        "ship_count",
        "has_ship",
        "ship_pixels",
        "height",
        "width",
        "channels",
        "decode_ok",
        "label_ok",
    )
    assert [_integer(example, name) for name in integers] == [2, 1, 72, EDGE_PX, EDGE_PX, 3, 1, 1]
    assert _integer(example, "file_bytes") == len(image_bytes)
    texts = ("ship_group", "scene_id", "format", "label_reason", "Source")
    assert [_text(example, name) for name in texts] == ["1-2", "harbour", "JPEG", "", "airbus"]
    assert 40 < feature["luma_mean"].float_list.value[0] < 90
    empty = outcome.examples["image3.jpg"]
    assert [_integer(empty, name) for name in ("ship_count", "has_ship", "label_ok")] == [0, 0, 1]
    assert [_text(empty, name) for name in ("ship_group", "scene_id", "Source")] == ["0", "image3.jpg", ""]
    assert outcome.splits["image0.jpg"] == outcome.splits["image1.jpg"]
    assert all(split.endswith("empty") == (_integer(outcome.examples[image_id], "ship_count") == 0)
               for image_id, split in outcome.splits.items())  # fmt: skip
    assert outcome.issues == []
    assert "5 images listed = 5 Examples (5 decodable, 0 undecodable)" in caplog.text
    assert "the scene table names 3 of 5 images" in caplog.text
    assert (told[-1].done, told[-1].total, told[-1].finished) == (5, 5, True)


def test_broken_images_and_labels_are_all_there(ingested, make_data_set, ship, caplog):
    data_set = make_data_set(
        [
            ("image0.jpg", "1 2 3"),
            ("image1.jpg", ship(2, 2)),
            ("image1.jpg", ship(3, 2)),
            ("image2.jpg", f"{EDGE_PX**2} 2"),
            ("truncated.jpg", "589820 5"),
            ("gone.jpg", "1 2"),
            ("image3.jpg", ""),
        ]
    )
    whole = (data_set.images / "image1.jpg").read_bytes()
    (data_set.images / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (data_set.images / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    (data_set.images / "nothing.tif").write_bytes(b"")
    (data_set.images / "unreadable.jpg").symlink_to(data_set.images / "nowhere")
    odd_name = os.fsdecode(b"not-utf8-\xff.jpg")
    (data_set.images / odd_name).write_bytes(whole)
    with caplog.at_level("INFO"):
        outcome = ingested(data_set)
    assert set(outcome.examples) == {image.image_id for image in list_images(str(data_set.images))}
    assert "10 images listed = 10 Examples (6 decodable, 4 undecodable)" in caplog.text

    undecodable = {name for name, example in outcome.examples.items() if not _integer(example, "decode_ok")}
    assert undecodable == {"truncated.jpg", "pointer.png", "nothing.tif", "unreadable.jpg"}
    truncated = outcome.examples["truncated.jpg"]
    assert truncated.features.feature["image"].bytes_list.value == [whole[: len(whole) // 2]]
    assert "luma_mean" not in truncated.features.feature
    # Its rows are checked against 768 x 768.
    assert [_integer(truncated, name) for name in ("height", "ship_count", "label_ok")] == [0, 1, 1]
    assert outcome.examples["unreadable.jpg"].features.feature["image"].bytes_list.value == [b""]

    reasons = {name: _text(example, "label_reason") for name, example in outcome.examples.items()}
    assert reasons["image0.jpg"] == "odd number of values: 3 (line 2)"
    assert reasons["image2.jpg"] == "run beyond the image: 2304 2 in 48 x 48 px (line 5)"
    assert reasons["image4.jpg"] == "no label row"
    assert _integer(outcome.examples["image1.jpg"], "ship_pixels") == 45
    assert [name for name, example in sorted(outcome.examples.items()) if _integer(example, "label_ok")] == [
        "image1.jpg", "image3.jpg", "truncated.jpg",
    ]  # fmt: skip
    assert [(row["line"], row["image_id"], row["reason"].partition(":")[0], row["action"])
            for row in outcome.issues] == [
        ("", "image4.jpg", "no label row", "quarantined"),
        ("", odd_name, "no label row", "quarantined"),
        ("", "nothing.tif", "no label row", "quarantined"),
        ("", "pointer.png", "no label row", "quarantined"),
        ("", "unreadable.jpg", "no label row", "quarantined"),
        ("2", "image0.jpg", "odd number of values", "quarantined"),
        ("3 4", "image1.jpg", "ships overlap", "repaired"),
        ("5", "image2.jpg", "run beyond the image", "quarantined"),
        ("7", "gone.jpg", "labels without image", "ignored"),
    ]  # fmt: skip


def test_a_stray_copy_does_not_take_the_labelled_image_out(ingested, data_set):
    for copy in ("image0 (1).jpg", "image0_copy.jpg"):
        (data_set.images / copy).write_bytes((data_set.images / "image0.jpg").read_bytes())
    with data_set.labels.open("a") as labels:
        labels.write("image0_copy.jpg,\n")
    outcome = ingested(data_set)
    found = {name: _text(example, "duplicate_of") for name, example in outcome.examples.items()}
    assert {name: original for name, original in found.items() if original} == {
        "image0 (1).jpg": "image0.jpg",
        "image0_copy.jpg": "image0.jpg",
    }
    assert [(row["line"], row["image_id"], row["reason"], row["action"]) for row in outcome.issues] == [
        ("", "image0 (1).jpg", "no label row", "quarantined"),
        ("8", "image0_copy.jpg", "label unlike that of its original: image0.jpg", "ignored"),
    ]


def test_a_file_that_is_too_large_for_an_example_is_left_out_of_it(ingested, data_set, monkeypatch, caplog):
    (data_set.images / "large.png").write_bytes(bytes(6000))
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 5999)
    outcome = ingested(data_set)
    large = outcome.examples["large.png"]
    assert [_integer(large, name) for name in ("decode_ok", "file_bytes")] == [0, 0]
    assert large.features.feature["image"].bytes_list.value == [b""]
    assert _text(large, "decode_reason") == "6,000 bytes, more than 5,999"
    assert f"{data_set.images}/large.png cannot be read: 6,000 bytes, more than 5,999" in caplog.text
    assert sum(_integer(example, "decode_ok") for example in outcome.examples.values()) == 5


def _with_broken_files(data_set) -> None:
    whole = (data_set.images / "image1.jpg").read_bytes()
    (data_set.images / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (data_set.images / "unreadable.jpg").symlink_to(data_set.images / "nowhere")
    (data_set.images / os.fsdecode(b"not-utf8-\xff.jpg")).write_bytes(b"no image")


def test_every_image_is_decoded_once_whether_or_not_overlaps_are_looked_for(data_set, tmp_path, monkeypatch):
    _with_broken_files(data_set)
    decoded = []

    def decode_and_note(image_bytes: bytes) -> Decoded:
        decoded.append(image_bytes)
        return decode(image_bytes)

    monkeypatch.setattr(measuring, "decode", decode_and_note)
    records = {}
    for found in (True, False):
        outcome = Outcome(data_set, tmp_path / str(found), IngestionSettings(find_overlaps=found))
        records[found] = [
            example.SerializeToString(deterministic=True)
            for split in SPLITS
            for example in outcome.by_split[split]
        ]
        assert len(decoded) == len(records[found]) == 8
        decoded.clear()
    # Nothing overlaps here, so the ways must not be told apart; order and label verdicts included.
    assert records[True] == records[False]


def test_a_file_that_changes_between_the_passes_is_measured_anew(data_set, tmp_path, monkeypatch, caplog):
    other = cv2.imencode(".png", np.full((30, 40, 3), 7, np.uint8))[1].tobytes()

    def measure_and_change(*arguments: object, **options: object) -> SceneGroups | None:
        groups = measuring_pass.measure_by_beam(*arguments, **options)
        (data_set.images / "image1.jpg").write_bytes(other)
        (data_set.images / "image3.jpg").unlink()
        return groups

    monkeypatch.setattr(executor, "measure_by_beam", measure_and_change)
    outcome = Outcome(data_set, tmp_path / "out", IngestionSettings())
    changed, gone = outcome.examples["image1.jpg"], outcome.examples["image3.jpg"]
    assert changed.features.feature["image"].bytes_list.value == [other]
    assert _text(changed, "sha1") == hashlib.sha1(other).hexdigest()
    assert (_text(changed, "format"), _integer(changed, "height"), _integer(changed, "width")) == (
        "PNG",
        30,
        40,
    )
    assert changed.features.feature["luma_mean"].float_list.value == [7]
    assert [_integer(gone, name) for name in ("decode_ok", "file_bytes")] == [0, 0]
    assert len(outcome.examples) == 5
    assert "image1.jpg has changed since it was measured" in caplog.text


def test_processes_write_what_threads_write(data_set, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    # A list for each image, so that there are two files.
    monkeypatch.setattr(stored_lists, "_LISTED_TOGETHER", 1)
    made = {}
    for seconds in (1e9, 0):
        monkeypatch.setattr(parallel, "_PROCESSES_FROM_S", seconds)
        folder = tmp_path / str(seconds)
        with caplog.at_level("INFO"):
            Outcome(data_set, folder, IngestionSettings())
        made[seconds] = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.gz")}
    assert made[0] == made[1e9]
    assert max(path.name for path in made[0]) == "data_tfrecord-00001-of-00002.gz"
    assert caplog.text.count("5 images listed = 5 Examples (5 decodable, 0 undecodable)") == 2


def test_changed_data_or_settings_change_the_cache_key(data_set):
    first = ShipExampleGen(*data_set.paths, data_fingerprint="1").spec.exec_properties
    assert first["code_digest"]
    assert ShipExampleGen(*data_set.paths, data_fingerprint="2").spec.exec_properties != first
    other = ShipExampleGen(*data_set.paths, IngestionSettings(split_seed="1"), "1").spec.exec_properties
    assert other != first
