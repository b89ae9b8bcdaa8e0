"""What a person decided about single images, over the head of the schema. Imports no TensorFlow.

A decision holds for one content of a file: once the file is another, it is judged anew.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from components.errors import InputError

Verdict = Literal["restore", "drop"]
_VERDICTS: dict[str, Verdict] = {"restore": "restore", "drop": "drop"}


@dataclass(frozen=True)
class Decision:
    """A line of the table of decisions.

    Attributes:
        image_id: the image.
        sha1: of the file that was judged, in hexadecimal.
        verdict: "restore" (use it whatever the schema says) or "drop" (never use it).
        by: who decided.
        when: local time, ISO 8601.
        note: why.
    """

    image_id: str
    sha1: str
    verdict: Verdict
    by: str
    when: str
    note: str


_COLUMNS = tuple(field.name for field in fields(Decision))


def read_decisions(path: Path) -> dict[str, Decision]:
    """Decisions by image id; of several about one image the last counts. None yet where there is no file.

    Raises:
        InputError: the file cannot be read, or is no table of decisions.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    decisions = {}
    reader = csv.reader(io.StringIO(text, newline=""))
    for row in reader:
        if reader.line_num == 1 and tuple(row) == _COLUMNS:
            continue
        verdict = _VERDICTS.get(row[2]) if len(row) == len(_COLUMNS) else None
        if verdict is None:
            raise InputError(
                f"{path}, line {reader.line_num}: expected {','.join(_COLUMNS)} with the verdict restore or "
                f"drop, got {','.join(row)!r}. Mend the line, or take it out."
            )
        image_id, sha1, _, by, when, note = row
        decisions[image_id] = Decision(image_id, sha1, verdict, by, when, note)
    return decisions


def append_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Adds decisions to the table; earlier ones stay as a record.

    Raises:
        InputError: it cannot be written.
    """
    try:
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(_COLUMNS)
            writer.writerows(astuple(decision) for decision in decisions)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
