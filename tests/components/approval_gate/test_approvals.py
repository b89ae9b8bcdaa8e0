import pytest

from components.approval_gate.approvals import Record, append_approval, parse_approvals, read_approvals
from components.errors import InputError

FIRST = Record(
    "2026-11-23T10:00:00+0100", "anna", "approve", "20261123-0900", "aa", "bb", note="good, really"
)
SECOND = Record(
    "2026-11-24T10:00:00+0100", "bob", "reject", "20261123-0900", "aa", "bb", note='a "ghost"\nship'
)
THIRD = Record(
    "2026-11-25T10:00:00+0100", "eva", "rollback", model="aa", restored="7", version="9", note="oh"
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "approvals.csv"
    for record in (FIRST, SECOND, THIRD):
        append_approval(path, record)
    return path


def test_records_come_back_in_order_one_line_each(table):
    first, second, third = read_approvals(table)
    assert (first, third) == (FIRST, THIRD)
    assert second.note == 'a "ghost" ship'
    assert len(table.read_text(encoding="utf-8").splitlines()) == 4


def test_appending_leaves_earlier_lines_as_they_are(table):
    before = table.read_bytes()
    append_approval(table, FIRST)
    assert table.read_bytes().startswith(before)


def test_there_are_none_before_the_first(tmp_path):
    assert read_approvals(tmp_path / "nothing.csv") == ()
    assert parse_approvals("") == ()


def test_a_table_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be written: Is a directory"):
        append_approval(tmp_path, FIRST)
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read: Is a directory"):
        read_approvals(tmp_path)


def _edited(number, old, new):
    def tamper(lines):
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new)
        return lines

    return tamper


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (_edited(1, "bb", "cc"), 2),
        (_edited(2, "reject", "approve"), 3),
        (_edited(2, "bob", "eve"), 3),
        (_edited(3, "oh", "ah"), 4),
        (_edited(0, "model", "modell"), 1),
        (lambda lines: [lines[0], lines[1], lines[3]], 3),  # the rejection taken out
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
        (lambda lines: [*lines, lines[1]], 5),
        (lambda lines: [*lines, ""], 5),
        (lambda lines: [*lines[:3], lines[3][:-5]], 4),
    ],
)
def test_a_changed_line_is_named_and_nothing_is_added_to_it(table, tamper, line):
    lines = tamper(table.read_text(encoding="utf-8").splitlines())
    table.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    with pytest.raises(InputError, match=rf"approvals\.csv, line {line}:"):
        read_approvals(table)
    before = table.read_bytes()
    with pytest.raises(InputError, match=f"line {line}:"):
        append_approval(table, FIRST)
    assert table.read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff\x00\xfe", b"not a table\n", b"when,by\n"])
def test_another_file_is_no_table(tmp_path, content):
    path = tmp_path / "approvals.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1"):
        read_approvals(path)


def test_a_half_written_last_line_is_found(table):
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(InputError, match="whole lines"):
        read_approvals(table)
