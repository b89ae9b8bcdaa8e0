import os

import pytest

from components.errors import InputError
from components.image_screener.decisions import Decision, append_decisions, read_decisions


def decision(image_id="a.jpg", verdict="restore", note=""):
    return Decision(image_id, "0" * 40, verdict, "Ada, L.", "2026-01-01T00:00:00", note)


def test_the_last_decision_about_an_image_counts_and_all_stay(tmp_path):
    path = tmp_path / "decisions.csv"
    assert read_decisions(path) == {}
    odd = os.fsdecode(b"\xff.jpg")
    append_decisions(path, [decision(note='a "fine" night,\nreally'), decision(odd)])
    append_decisions(path, [decision(verdict="drop")])
    assert read_decisions(path) == {"a.jpg": decision(verdict="drop"), odd: decision(odd)}
    assert path.read_bytes().count(b"a.jpg") == 2


def test_a_table_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be written: Is a directory"):
        append_decisions(tmp_path, [decision()])
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read: Is a directory"):
        read_decisions(tmp_path)


@pytest.mark.parametrize("line", ["a.jpg,restore", "a.jpg,00,maybe,Ada,now,"])
def test_a_line_that_is_no_decision_is_named(tmp_path, line):
    path = tmp_path / "decisions.csv"
    append_decisions(path, [decision()])
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match="line 3: expected image_id,sha1,verdict"):
        read_decisions(path)
