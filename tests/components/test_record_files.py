"""The format of record files, and the files that are not yet those of a split."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from components import record_files
from components.record_files import UnfinishedFiles, frame, records_of, unframe

RECORDS = [b"", b"a", bytes(range(256)) * 300, b"last"]
FRAMED = b"".join(map(frame, RECORDS))


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000, len(FRAMED)])
def test_records_are_found_wherever_their_file_is_cut(piece_bytes):
    pieces = (FRAMED[at : at + piece_bytes] for at in range(0, len(FRAMED), piece_bytes))
    assert list(unframe(pieces, "a file")) == RECORDS


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (FRAMED[:-1], "a file ends within a record"),
        (FRAMED[:5], "a file ends within a record"),
        (FRAMED.replace(b"last", b"lost"), "a file: the checksum of a record"),
        (b"\1" + FRAMED[1:], "a file: the checksum of the length"),
    ],
)
def test_damage_is_an_error(broken, message):
    with pytest.raises(OSError, match=message):
        list(unframe([broken], "a file"))


@pytest.mark.parametrize("piece_bytes", [1, 20, 1000])
def test_all_members_of_a_gzip_file_are_read(piece_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "_READ_BYTES", piece_bytes)
    path = tmp_path / "joined.gz"
    members = [gzip.compress(frame(record)) for record in RECORDS]
    path.write_bytes(b"".join(members))
    assert list(records_of(str(path))) == RECORDS
    path.write_bytes(b"".join(members)[:-1])
    with pytest.raises(OSError, match=r"joined\.gz ends before its gzip stream does"):
        list(records_of(str(path)))


def test_frame_is_what_tensorflow_writes(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        writer.write(b"some bytes")
    assert (tmp_path / "records").read_bytes() == frame(b"some bytes")


def test_files_of_splits_wait_beside_them_and_sort_by_their_prefix(tmp_path):
    uris = {"train": str(tmp_path / "a"), "eval": str(tmp_path / "b")}
    found = []
    for prefix in ("2-", "1-"):
        files = UnfinishedFiles(uris, prefix)
        for record in RECORDS:
            files.write("train", prefix.encode() + record)
        found += files.close()
    assert [split for split, _ in found] == ["train", "train"] and not (tmp_path / "b").exists()
    first, second = sorted(path for _, path in found)
    assert {Path(first).parent, Path(second).parent} == {tmp_path / "a" / "unfinished-train"}
    assert list(records_of(first)) == [b"1-" + record for record in RECORDS]


def test_it_needs_neither_tensorflow_nor_beam():
    heavy = "{'tensorflow', 'apache_beam'} & set(sys.modules)"
    code = f"import sys, components.ship_example_gen.record_making; sys.exit(str({heavy}) if {heavy} else 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
