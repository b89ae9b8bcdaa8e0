"""What people decided about models: an append-only table, each line chained to the one before.

A line ends with the SHA-256 over the hash of the previous line and its own content, so that a line that is
edited, moved or taken out of the middle no longer fits. This shows a change; it does not prevent one:
whoever can write the file can also make all hashes anew, or cut lines off its end.
"""

import csv
import fcntl
import hashlib
import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from components.errors import InputError

Action = Literal["approve", "reject", "rollback"]


@dataclass(frozen=True)
class Record:
    """A line of the table.

    Attributes:
        when: local time with zone, ISO 8601.
        by: login name of who decided.
        action: approve; reject; or rollback, by which another version was made the newest.
        run: id of the run whose model was decided on, "" for a rollback.
        model: digest of the model that was approved, rejected or, by a rollback, withdrawn.
        evaluation: digest of the evaluation that the decision rests on, "" for a rollback.
        override: "yes" if the rules had failed, else "".
        restored: version that a rollback copied, else "".
        version: version that the copy became, else "".
        note: why.
    """

    when: str
    by: str
    action: Action
    run: str = ""
    model: str = ""
    evaluation: str = ""
    override: Literal["yes", ""] = ""
    restored: str = ""
    version: str = ""
    note: str = ""


_COLUMNS = tuple(field.name for field in fields(Record))
_HEADER = ",".join((*_COLUMNS, "hash"))
_RECORD = TypeAdapter(Record)
_MEND = ". Until it is as it was, nothing is pushed: restore a copy, or move it away and decide anew"


def parse_approvals(text: str) -> tuple[Record, ...]:
    """Records in the order in which they were made; of an empty text, none.

    Raises:
        InputError: a line is no record, or its hash does not fit; the message names the line.
    """
    return tuple(record for record, _ in _chained(text))


def read_approvals(path: Path) -> tuple[Record, ...]:
    """Records of a file; none where there is none.

    Raises:
        InputError: it cannot be read; or see `parse_approvals`.
    """
    try:
        return parse_approvals(_text(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}, {error}") from None


def append_approval(path: Path, record: Record) -> None:
    """Add a record; earlier ones stay as they are.

    Raises:
        InputError: it cannot be written; or it does not hold together, so that nothing may be built on it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = _text(file.read())
            *_, (_, last) = [(None, ""), *_chained(text)]
            content = _as_line(record)
            line = f"{content},{_hash(last, content)}\n"
            file.write((line if text else f"{_HEADER}\n{line}").encode())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}, {error}") from None


def _chained(text: str) -> Iterator[tuple[Record, str]]:
    """Records with the hashes of their lines."""
    if not text:
        return
    header, *lines = text.removesuffix("\n").split("\n")
    if header != _HEADER or not text.endswith("\n"):
        raise InputError(f"line 1: expected a table {_HEADER} of whole lines{_MEND}")
    previous = ""
    for number, line in enumerate(lines, start=2):
        content, _, told = line.rpartition(",")
        if told != _hash(previous, content):
            raise InputError(f"line {number}: changed after it was written; its hash does not fit{_MEND}")
        try:
            values = dict(zip(_COLUMNS, next(csv.reader([content])), strict=True))
            yield _RECORD.validate_python(values), told
        except (ValueError, ValidationError):
            raise InputError(f"line {number}: no record of an approval{_MEND}") from None
        previous = told


def _as_line(record: Record) -> str:
    # One line a record, whatever is in the note.
    values = [" ".join(value.split()) for value in astuple(record)]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def _hash(previous: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def _text(content: bytes) -> str:
    # A byte that is no UTF-8 becomes another one and so breaks the hash of its line.
    return content.decode(errors="replace")
