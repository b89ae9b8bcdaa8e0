"""Reading a comma-separated table with line numbers, strictly about the file and lenient about its rows."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from components.errors import InputError
from components.ship_example_gen.listing import read_table_bytes

# A header that is quoted in a message: enough to recognise the file by, not the whole binary.
_QUOTED_CHARACTERS = 120
# With or without the mark that spreadsheets put in front.
_ENCODING = "utf-8-sig"


@dataclass(frozen=True)
class Table:
    """A table whose header has been read.

    Attributes:
        path: the file, for messages.
        columns: column names in order, stripped of blanks, all different.
        rows: (line number, cells) one after the other; cells may be fewer or more than the columns. The line
            number is that of the row's last line, counted from 1. Iterating raises InputError where the text
            stops being a table.
    """

    path: str
    columns: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def read_table(path: str, required: tuple[str, ...], purpose: str) -> Table:
    """Opens a CSV file and checks its header.

    Args:
        path: the file, local or on any filesystem that Beam knows.
        required: columns that must be there.
        purpose: what the table is for ("labels"), for messages.

    Raises:
        InputError: missing or unreadable file, empty, begins with other than UTF-8, a required column is
            missing or a column occurs twice.
    """
    expected = f"The {purpose} must be a CSV file with the columns {', '.join(required)}"
    rows = _rows(path, read_table_bytes(path), expected)
    _, header = next(rows, (1, []))
    columns = tuple(cell.strip() for cell in header)
    missing = [column for column in required if column not in columns]
    if missing:
        found = ",".join(columns)[:_QUOTED_CHARACTERS]
        raise InputError(
            f"{path}, line 1: no column {' and no column '.join(missing)} in the {purpose}; found {found!r}. "
            f"The first line must name the columns {','.join(required)}, separated by commas."
        )
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(f"{path}, line 1: column {column!r} occurs twice. Rename or remove one of them.")
    return Table(path, columns, rows)


def _rows(path: str, content: bytes, expected: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank."""
    # Decoded piece by piece: as one text, a table of 80 MB would take 500 MB for a while.
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), _ENCODING, newline=""))
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: not readable as CSV ({error}). Look there for a stray "
            "quotation mark."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line {_first_undecodable_line(content)}: not UTF-8 text. {expected}; if it is a "
            "spreadsheet, save it as 'CSV UTF-8'."
        ) from error


def _first_undecodable_line(content: bytes) -> int:
    try:
        content.decode(_ENCODING)
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    raise ValueError("all of it can be decoded")
