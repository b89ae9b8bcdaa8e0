"""The label table: which masks belong to which image, and what is wrong with its rows.

The table as a whole must be readable (else InputError); everything wrong with a single row is data: an
`Issue` in the label report. A ship is never dropped silently, since that would teach a wrong mask.

| found                                                                   | done                             |
|-------------------------------------------------------------------------|----------------------------------|
| row with too few or too many columns                                    | image quarantined                |
| odd number of values, not a number, start or length below 1             | image quarantined                |
| run beyond the image, runs of one row that overlap or are not in order  | image quarantined                |
| image without any row (unknown is not empty)                            | image quarantined                |
| two ships of one image overlap                                          | repaired: the first keeps what   |
|                                                                         | they share; an emptied one goes  |
| identical rows of one image                                             | repaired: kept once              |
| both an empty row and ship rows of one image                            | repaired: the ship rows count    |
| rows of an image that is not there                                      | ignored (one issue per image)    |
| row without an image id                                                 | ignored                          |

A quarantined image keeps its good rows, has `label_ok` 0 and states the reasons; ImageScreener takes it out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from components.masks.rle import (
    RleError,
    Runs,
    encode_runs,
    parse_runs,
    rlemask_to_runs,
    runs_to_rlemask,
)
from components.ship_example_gen.tables import read_table

Action = Literal["quarantined", "repaired", "ignored"]


class LabelRow(NamedTuple):
    """A row of one image.

    Attributes:
        line: line in the file, counted from 1.
        encoded: run-length string as written; "" says that the image shows no ship.
        fault: why the row itself cannot be read, "" if it can.
    """

    line: int
    encoded: str
    fault: str = ""


class Issue(NamedTuple):
    """A line of the label report.

    Attributes:
        file: the label table.
        lines: lines of the rows in question, e.g. "12" or "12 13"; "" where there is none.
        image_id: the image; "" if the row names none.
        reason: "kind" or "kind: particulars".
        action: what was done about it.
    """

    file: str
    lines: str
    image_id: str
    reason: str
    action: Action


@dataclass(frozen=True)
class LabelTable:
    """The rows of a label table by image, in the order of the file.

    Attributes:
        path: the file.
        rows: image id -> its rows.
        nameless: lines of rows without an image id.
    """

    path: str
    rows: dict[str, tuple[LabelRow, ...]]
    nameless: tuple[int, ...]

    def issues_without_image(self, image_ids: Collection[str]) -> list[Issue]:
        """Rows that belong to none of the listed images (give a set or a dict, it is searched often)."""
        nameless = [
            Issue(self.path, str(line), "", "row without image id", "ignored") for line in self.nameless
        ]
        absent = [
            Issue(self.path, _lines(rows), image_id, "labels without image", "ignored")
            for image_id, rows in self.rows.items()
            if image_id not in image_ids
        ]
        return nameless + absent


@dataclass(frozen=True)
class Label:
    """What the label table says about one image, once it has been checked.

    Attributes:
        ships: run-length string of each ship, in the codec's spelling, in the order of the file, disjoint.
        ship_pixels: pixels of all ships together.
        faults: why the label cannot be trusted; empty if it can.
        issues: lines for the label report, repairs included.
    """

    ships: tuple[str, ...]
    ship_pixels: int
    faults: tuple[str, ...]
    issues: tuple[Issue, ...]


def read_labels(path: str) -> LabelTable:
    """Reads a label table (ImageId,EncodedPixels) and groups it by image.

    Raises:
        InputError: as `read_table`.
    """
    table = read_table(path, ("ImageId", "EncodedPixels"), "labels")
    image_at, encoded_at = table.columns.index("ImageId"), table.columns.index("EncodedPixels")
    width = len(table.columns)
    rows: dict[str, list[LabelRow]] = {}
    nameless = []
    for line, cells in table.rows:
        image_id = cells[image_at].strip() if image_at < len(cells) else ""
        if not image_id:
            nameless.append(line)
        elif len(cells) != width:
            row = LabelRow(line, "", f"wrong number of columns: {len(cells)} instead of {width}")
            rows.setdefault(image_id, []).append(row)
        else:
            rows.setdefault(image_id, []).append(LabelRow(line, cells[encoded_at].strip()))
    return LabelTable(path, {image_id: tuple(group) for image_id, group in rows.items()}, tuple(nameless))


def judge_rows(path: str, image_id: str, rows: tuple[LabelRow, ...], height: int, width: int) -> Label:
    """Applies the rules of the module's table to the rows of one image.

    Args:
        path: the label table, for the issues.
        image_id: the image.
        rows: its rows in the order of the file; none if the table does not know the image.
        height: of the image in px; where it cannot be decoded, the height it should have.
        width: likewise.
    """
    if not rows:
        reason = "no label row"
        return Label((), 0, (reason,), (Issue(path, "", image_id, reason, "quarantined"),))
    issues: list[Issue] = []
    faults: list[str] = []

    def note(lines: str, reason: str, action: Action) -> None:
        issues.append(Issue(path, lines, image_id, reason, action))
        if action == "quarantined":
            faults.append(f"{reason} (line {lines})")

    first_rows: dict[str, LabelRow] = {}
    for row in rows:
        if row.fault:
            note(str(row.line), row.fault, "quarantined")
            continue
        first = first_rows.setdefault(row.encoded, row)
        if first is not row:
            note(f"{first.line} {row.line}", "identical rows", "repaired")
    empty = first_rows.pop("", None)
    if empty and first_rows:
        note(str(empty.line), "empty row beside ship rows", "repaired")

    ships: list[tuple[LabelRow, Runs]] = []
    for row in first_rows.values():
        try:
            ships.append((row, parse_runs(row.encoded, height, width)))
        except RleError as error:
            note(str(row.line), str(error), "quarantined")

    disjoint = []
    for lines, runs in _give_shared_to_first(ships, height, width):
        if lines:
            outcome = "ships overlap" if runs.area_px else "ships overlap: nothing left of the second"
            note(lines, outcome, "repaired")
        if runs.area_px:
            disjoint.append(runs)
    return Label(
        tuple(encode_runs(runs) for runs in disjoint),
        sum(runs.area_px for runs in disjoint),
        tuple(faults),
        tuple(issues),
    )


def _give_shared_to_first(
    ships: list[tuple[LabelRow, Runs]], height: int, width: int
) -> list[tuple[str, Runs]]:
    """Per ship: the lines of it and of the earlier ships it overlaps ("" if none), and what is left of it."""
    if not _overlap([runs for _, runs in ships]):
        return [("", runs) for _, runs in ships]
    outcome = []
    masks = [runs_to_rlemask(runs, height, width) for _, runs in ships]
    for index, (row, runs) in enumerate(ships):
        rest = masks[index]
        lines = []
        for (earlier, _), mask in zip(ships[:index], masks[:index], strict=True):
            if (masks[index] & mask).area():
                lines.append(str(earlier.line))
                rest = rest - mask
        if lines:
            outcome.append((" ".join([*lines, str(row.line)]), rlemask_to_runs(rest)))
        else:
            outcome.append(("", runs))
    return outcome


def _overlap(ships: list[Runs]) -> bool:
    """Whether any pixel belongs to two ships (each ship's own runs are known to be disjoint)."""
    bounds = sorted(
        pair for runs in ships for pair in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True)
    )
    return any(start + length > following for (start, length), (following, _) in pairwise(bounds))


def _lines(rows: tuple[LabelRow, ...]) -> str:
    return " ".join(str(row.line) for row in rows)
