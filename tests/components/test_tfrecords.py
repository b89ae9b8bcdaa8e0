"""The record files of the stages through Beam."""

from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf

from components.tfrecords import ReadSplits, WriteSplits, _finish, read_records

RECORDS = [b"", b"a", bytes(range(256)) * 300, b"last"]


def _write(uri: Path, records: list[tuple[str, bytes]]) -> None:
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create(records) | WriteSplits(dict.fromkeys(("train", "eval"), str(uri)))


def _files(uri: Path) -> list[str]:
    return sorted(str(path.relative_to(uri)) for path in uri.rglob("*") if path.is_file())


def test_what_is_written_is_read_by_beam_and_tensorflow(tmp_path):
    _write(tmp_path, [("train", record) for record in RECORDS])
    assert _files(tmp_path) == [
        f"Split-{split}/data_tfrecord-00000-of-00001.gz" for split in ("eval", "train")
    ]
    assert list(read_records(str(tmp_path), "train")) == RECORDS
    assert list(read_records(str(tmp_path), "eval")) == []
    found = tmp_path / "found.txt"
    with beam.Pipeline() as pipeline:
        pairs = pipeline | ReadSplits(str(tmp_path), ["train", "eval"])
        _ = pairs | beam.combiners.ToList() | beam.Map(lambda read: found.write_text(repr(read)))
    assert found.read_text() == repr([("train", record) for record in RECORDS])


def test_the_same_records_give_the_same_bytes(tmp_path):
    for folder in ("one", "other"):
        _write(tmp_path / folder, [("train", record) for record in RECORDS])
    one, other = (
        (tmp_path / folder / _files(tmp_path / folder)[1]).read_bytes() for folder in ("one", "other")
    )
    assert one == other


def test_a_run_that_fails_leaves_nothing_that_is_read(tmp_path):
    with pytest.raises(ZeroDivisionError), beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([1, 0], reshuffle=False)
            | beam.Map(lambda number: ("train", bytes([1 // number])))
            | WriteSplits({"train": str(tmp_path)})
        )
    assert not [file for file in _files(tmp_path) if file.startswith("Split-")]


def test_files_get_their_names_although_that_failed_halfway_before(tmp_path):
    unfinished = tmp_path / "unfinished-train"
    unfinished.mkdir()
    paths = [unfinished / name for name in "ba"]
    for path, record in zip(paths, RECORDS, strict=False):
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            writer.write(record)
    (unfinished / "left by a bundle that failed").touch()
    (tmp_path / "Split-train").mkdir()
    (unfinished / "a").rename(tmp_path / "Split-train" / "data_tfrecord-00000-of-00002.gz")
    files = ("train", ["", *map(str, paths)])
    for _ in range(2):
        assert len(_finish(files, {"train": str(tmp_path)})) == 2
        assert list(read_records(str(tmp_path), "train")) == RECORDS[1::-1]
        assert not unfinished.exists()


def test_a_split_without_files_is_told_before_anything_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="Split-train"):
        ReadSplits(str(tmp_path), ["train"])
