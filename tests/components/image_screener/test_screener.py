"""The component as a whole, on generated images, in the in-memory Beam runner."""

import csv
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
import tensorflow as tf
from example_files import write_examples
from tfx.components.util import examples_utils
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.examples import SPLITS
from components.image_screener.component import ImageScreener
from components.image_screener.decisions import Decision, append_decisions
from components.image_screener.executor import QUARANTINE_REASONS, Executor, account
from components.image_screener.flagged import QUARANTINE_CSV
from components.image_screener.settings import ScreeningSettings
from components.tfrecords import read_records
from schemas import SHIP_IMAGES

# Stages as a whole.
pytestmark = pytest.mark.slow


class Screened:
    """What a run of the executor on a folder left behind."""

    def __init__(
        self,
        folder: Path,
        records: dict[str, list[bytes]],
        settings: ScreeningSettings,
        decisions: Iterable[Decision] = (),
    ) -> None:
        raw = write_examples(folder / "raw", {split: records.get(split, []) for split in SPLITS})
        clean, quarantine = standard_artifacts.Examples(), standard_artifacts.Examples()
        clean.uri, quarantine.uri = str(folder / "clean"), str(folder / "quarantine")
        schema = standard_artifacts.Schema()
        schema.uri = str(folder / "schema")
        Path(schema.uri).mkdir()
        shutil.copy(SHIP_IMAGES, folder / "schema" / "schema.pbtxt")
        append_decisions(folder / "decisions.csv", decisions)
        Executor().Do(
            {"raw_examples": [raw], "schema": [schema]},
            {"examples": [clean], "quarantine": [quarantine]},
            {"settings": settings.model_dump_json(), "decisions": str(folder / "decisions.csv")},
        )
        self.clean = {split: list(read_records(clean.uri, split)) for split in SPLITS}
        self.payload = {examples_utils.get_payload_format_string(made) for made in (clean, quarantine)}
        self.clean_splits = artifact_utils.decode_split_names(clean.split_names)
        self.quarantined = [
            tf.train.Example.FromString(record) for record in read_records(quarantine.uri, "quarantine")
        ]
        self.quarantine_splits = artifact_utils.decode_split_names(quarantine.split_names)
        with Path(quarantine.uri, QUARANTINE_CSV).open(newline="", errors="surrogateescape") as file:
            self.table = list(csv.DictReader(file))


@pytest.fixture(scope="module")
def records(make_example, sea_jpeg):
    return {
        "train_ships": [make_example(sea_jpeg, f"{n}.jpg").SerializeToString() for n in range(3)],
        "train_empty": [
            make_example(b"", "empty.jpg").SerializeToString(),
            make_example(sea_jpeg[: len(sea_jpeg) // 2], "cut.jpg").SerializeToString(),
            make_example(sea_jpeg, "fine.jpg").SerializeToString(),
        ],
        "test_ships": [
            make_example(sea_jpeg, "label.jpg", label_reason="run 9 2 leaves the image").SerializeToString()
        ],
        "test_empty": [make_example(_small(sea_jpeg), "small.jpg").SerializeToString()],
    }


def _small(image: bytes) -> bytes:
    return tf.io.encode_jpeg(tf.io.decode_jpeg(image)[:500], quality=95).numpy()


@pytest.fixture(scope="module")
def screened(records, tmp_path_factory):
    return Screened(tmp_path_factory.mktemp("on"), records, ScreeningSettings())


def test_ordinary_images_keep_their_split_and_every_byte(screened, records):
    assert screened.clean_splits == list(SPLITS)
    assert screened.payload == {"FORMAT_TF_EXAMPLE"}
    assert sorted(screened.clean["train_ships"]) == sorted(records["train_ships"])
    assert screened.clean["train_empty"] == [records["train_empty"][2]]
    assert not screened.clean["eval_ships"]
    assert not screened.clean["test_ships"]


def test_quarantine_keeps_the_example_and_adds_the_reasons(screened, records):
    assert screened.quarantine_splits == ["quarantine"]
    originals = {record for split in records.values() for record in split}
    for example in screened.quarantined:
        assert example.features.feature[QUARANTINE_REASONS].bytes_list.value
        del example.features.feature[QUARANTINE_REASONS]
    found = {_key(example) for example in screened.quarantined}
    assert len(screened.quarantined) == 4
    assert found <= {_key(tf.train.Example.FromString(record)) for record in originals}


def _key(example: tf.train.Example) -> bytes:
    return example.SerializeToString(deterministic=True)


def test_table_says_why(screened):
    reasons = {row["image_id"]: (row["split"], row["reasons"]) for row in screened.table}
    assert reasons == {
        "empty.jpg": ("train_empty", "decode_ok 0 not in [1, 1]"),
        "cut.jpg": ("train_empty", "decode_ok 0 not in [1, 1]"),
        "label.jpg": ("test_ships", "label_ok 0 not in [1, 1]: run 9 2 leaves the image"),
        "small.jpg": ("test_empty", "height 500 not in [768, 768]"),
    }


def test_switched_off_nothing_but_the_unusable_is_set_aside(records, tmp_path):
    usable = {split: records[split] for split in ("train_ships", "test_empty")}
    off = Screened(tmp_path, usable, ScreeningSettings(enabled=False))
    assert off.clean["test_empty"] == records["test_empty"]
    assert off.quarantined == []
    assert off.table == []


def test_settings_and_people_overrule_the_schema(records, make_example, sea_jpeg, tmp_path, caplog):
    small, fine = _small(sea_jpeg), sea_jpeg
    usable = {
        "train_empty": [
            make_example(small, name).SerializeToString()
            for name in ("warned.jpg", "restored.jpg", "changed.jpg")
        ],
        "test_empty": [make_example(fine, name).SerializeToString() for name in ("fine.jpg", "dropped.jpg")],
        "test_ships": records["test_ships"],
    }
    decisions = [
        Decision("restored.jpg", hashlib.sha1(small).hexdigest(), "restore", "Ada", "", "a crop is fine"),
        Decision("changed.jpg", hashlib.sha1(fine).hexdigest(), "drop", "Ada", "", "of another content"),
        Decision("dropped.jpg", hashlib.sha1(fine).hexdigest(), "drop", "Ada", "", ""),
        Decision("label.jpg", hashlib.sha1(fine).hexdigest(), "restore", "Ada", "", ""),
    ]
    with caplog.at_level("INFO"):
        found = Screened(tmp_path, usable, ScreeningSettings(actions={"height": "warn"}), decisions)
    assert found.clean["train_empty"] == usable["train_empty"]
    assert found.clean["test_empty"] == usable["test_empty"][:1]
    assert found.clean["test_ships"] == []
    crop = "height 500 not in [768, 768]"
    assert {row["image_id"]: (row["outcome"], row["reasons"]) for row in found.table} == {
        "warned.jpg": ("warned", crop),
        "changed.jpg": ("warned", crop),
        "restored.jpg": ("restored", f"restored by Ada: a crop is fine; {crop}"),
        "dropped.jpg": ("dropped", "dropped by Ada"),
        "label.jpg": ("quarantined", "label_ok 0 not in [1, 1]: run 9 2 leaves the image"),
    }
    assert {row["image_id"]: (row["features"], row["stopping"]) for row in found.table} == {
        "warned.jpg": ("height", ""),
        "changed.jpg": ("height", ""),
        "restored.jpg": ("height", ""),
        "dropped.jpg": ("", ""),
        "label.jpg": ("label_ok", ""),
    }
    # What speaks against those that are kept is not told.
    assert "6 images = 4 clean + 2 quarantined (1 dropped, 1 label_ok)" in caplog.text


def test_the_features_that_stop_a_run_are_told_apart(make_example, sea_jpeg, tmp_path):
    records = {"train_empty": [make_example(_small(sea_jpeg), "a.jpg", "; odd").SerializeToString()]}
    found = Screened(tmp_path, records, ScreeningSettings(actions={"height": "stop"}))
    (row,) = found.table
    assert (row["outcome"], row["features"], row["stopping"]) == ("stop", "label_ok; height", "height")


def test_a_note_in_another_encoding_is_kept(make_example, sea_jpeg, tmp_path):
    # As a spreadsheet may have saved it: read back byte by byte.
    note = "Tr\udcfcbe See"
    decision = Decision("a.jpg", hashlib.sha1(sea_jpeg).hexdigest(), "drop", "Ada", "", note)
    records = {"train_empty": [make_example(sea_jpeg, "a.jpg").SerializeToString()]}
    (example,) = Screened(tmp_path, records, ScreeningSettings(), [decision]).quarantined
    (reason,) = example.features.feature[QUARANTINE_REASONS].bytes_list.value
    assert reason == b"dropped by Ada: Tr\xfcbe See"


def test_account_is_one_line():
    counts = {"in train_ships": 5, "clean train_ships": 3, "quarantined train_ships": 2, "in eval_empty": 1}
    counts |= {"clean eval_empty": 1, "reason decode_ok": 1, "reason height": 1, "reason width": 2}
    assert account(counts) == (
        "ImageScreener: 6 images = 4 clean + 2 quarantined (2 width, 1 decode_ok, 1 height)"
    )


def test_a_lost_image_is_an_error_even_if_another_split_has_one_too_many():
    counts = {"in train_ships": 2, "clean train_ships": 1, "in eval_ships": 1, "clean eval_ships": 2}
    with pytest.raises(RuntimeError, match="train_ships had 2, 1 came out"):
        account(counts)


def test_component_wires_settings_and_digest():
    screener = ImageScreener(
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        schema=channel_utils.as_channel([standard_artifacts.Schema()]),
        settings=ScreeningSettings(enabled=False),
    )
    assert set(screener.outputs) == {"examples", "quarantine"}
    assert ScreeningSettings.model_validate_json(screener.exec_properties["settings"]).enabled is False
    assert len(screener.exec_properties["code_digest"]) == 16


def test_missing_split_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="Split-train_ships"):
        list(read_records(str(tmp_path), "train_ships"))
