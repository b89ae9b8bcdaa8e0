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
| speck: fewer pixels than any known ship, beside real ships              | repaired: dropped                |
| nothing but specks; a ship larger than any known; ships that cover land | image doubted                    |
| a ship on pixels of one brightness (no-data, blocks lost)               | image doubted                    |
| rows of a copy of another image, unlike those of that one               | ignored (one issue per image)    |
| rows of an image that is not there                                      | ignored (one issue per image)    |
| row without an image id                                                 | ignored                          |

A quarantined image keeps its good rows, has `label_ok` 0 and states the reasons; ImageScreener takes it out.
A doubted one has a mask of the image that is hardly of a ship: `label_plausible` 0. ImageScreener takes it
out too, unless a person or the settings overrule it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rlemasklib import RLEMask

from components.masks.rle import (
    RleError,
    Runs,
    encode_runs,
    parse_runs,
    rlemask_to_runs,
    runs_to_rlemask,
)
from components.ship_example_gen.settings import ShipLimits
from components.ship_example_gen.tables import read_table

Action = Literal["quarantined", "doubted", "repaired", "ignored"]

# Around a ship's bounding box: wide enough to see some of the water that it stands out from.
_MARGIN_PX = 8
# Luma levels between the darkest and the brightest pixel there. One colour after JPEG coding has up to 2;
# among 488 real ships the faintest, in haze, has 11.
_FLAT_LEVELS = 2
_MOST_IN_A_CELL = 20
# Pairs of masks whose figures are held at a time, 8 MB.
_COMPARED_TOGETHER = 1 << 20


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
            self.issue(image_id, "labels without image", "ignored")
            for image_id in self.rows
            if image_id not in image_ids
        ]
        return nameless + absent

    def issue(self, image_id: str, reason: str, action: Action) -> Issue:
        """An issue about all rows of an image."""
        return Issue(self.path, _lines(self.rows.get(image_id, ())), image_id, reason, action)


@dataclass(frozen=True)
class Label:
    """What the label table says about one image, once it has been checked.

    Attributes:
        ships: run-length string of each ship, in the codec's spelling, in the order of the file, disjoint.
        ship_pixels: pixels of all ships together.
        faults: why the label cannot be used; empty if it can.
        doubts: why it is hardly a label of ships, although it can be used.
        issues: lines for the label report, repairs included.
    """

    ships: tuple[str, ...]
    ship_pixels: int
    faults: tuple[str, ...]
    doubts: tuple[str, ...]
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


Note = Callable[[str, str, Action], None]
"""Takes lines, reason and action of an issue."""


def judge_rows(
    path: str,
    image_id: str,
    rows: tuple[LabelRow, ...],
    *,
    size: tuple[int, int],
    limits: ShipLimits,
    luma: NDArray[np.uint8] | None = None,
) -> Label:
    """Applies the rules of the module's table to the rows of one image.

    Args:
        path: the label table, for the issues.
        image_id: the image.
        rows: its rows in the order of the file; none if the table does not know the image.
        size: height and width of the image in px; where it cannot be decoded, those it should have.
        limits: sizes that a ship may have.
        luma: uint8 [height, width], brightness of the image; None if it cannot be decoded.
    """
    if not rows:
        reason = "no label row"
        return Label((), 0, (reason,), (), (Issue(path, "", image_id, reason, "quarantined"),))
    issues: list[Issue] = []
    against: dict[Action, list[str]] = {"quarantined": [], "doubted": []}

    def note(lines: str, reason: str, action: Action) -> None:
        issues.append(Issue(path, lines, image_id, reason, action))
        if action in against:
            against[action].append(f"{reason} (line {lines})")

    ships = _separate(_read(rows, size, note), size, limits, note)
    for lines, reason in _doubts(ships, size, limits, luma):
        note(lines, reason, "doubted")
    return Label(
        tuple(encode_runs(runs) for _, runs in ships),
        sum(runs.area_px for _, runs in ships),
        tuple(against["quarantined"]),
        tuple(against["doubted"]),
        tuple(issues),
    )


def _read(rows: tuple[LabelRow, ...], size: tuple[int, int], note: Note) -> list[tuple[LabelRow, Runs]]:
    """The rows that hold a ship, each once."""
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
            ships.append((row, parse_runs(row.encoded, *size)))
        except RleError as error:
            note(str(row.line), str(error), "quarantined")
    return ships


def _separate(
    ships: list[tuple[LabelRow, Runs]], size: tuple[int, int], limits: ShipLimits, note: Note
) -> list[tuple[str, Runs]]:
    """Lines and runs of the ships once they are disjoint and without specks."""
    disjoint = []
    for (row, _), (lines, runs) in zip(ships, _give_shared_to_first(ships, *size), strict=True):
        if lines:
            outcome = "ships overlap" if runs.area_px else "ships overlap: nothing left of the second"
            note(lines, outcome, "repaired")
        if runs.area_px:
            disjoint.append((str(row.line), runs))
    kept = [(line, runs) for line, runs in disjoint if runs.area_px >= limits.min_ship_px]
    for line, runs in disjoint:
        if runs.area_px < limits.min_ship_px:
            note(line, f"speck: {runs.area_px} px", "repaired" if kept else "doubted")
    # Without its only ship the image would pass for an empty one.
    return kept or disjoint


def _doubts(
    ships: list[tuple[str, Runs]], size: tuple[int, int], limits: ShipLimits, luma: NDArray[np.uint8] | None
) -> Iterator[tuple[str, str]]:
    """Lines and reasons of what can hardly be a ship."""
    for line, runs in ships:
        if runs.area_px > limits.max_ship_px:
            yield line, f"larger than any known ship: {runs.area_px} px"
        if luma is not None and _is_flat(luma, runs):
            yield line, "ship on pixels of one brightness"
    share = sum(runs.area_px for _, runs in ships) / (size[0] * size[1])
    if share > limits.max_ship_share:
        yield in_one_cell([line for line, _ in ships], " "), f"ships cover land: {share:.0%} of the image"


def _is_flat(luma: NDArray[np.uint8], runs: Runs) -> bool:
    """Whether nothing stands out in the surroundings of a ship."""
    height = luma.shape[0]
    last = runs.starts + runs.lengths - 1
    left, right = int(runs.starts[0]) // height, int(last[-1]) // height
    if (runs.starts // height == last // height).all():
        top, bottom = int((runs.starts % height).min()), int((last % height).max())
    else:  # a run goes on in the next column
        top, bottom = 0, height - 1
    box = luma[
        max(0, top - _MARGIN_PX) : bottom + 1 + _MARGIN_PX, max(0, left - _MARGIN_PX) : right + 1 + _MARGIN_PX
    ]
    return bool(int(box.max()) - int(box.min()) <= _FLAT_LEVELS)


def _give_shared_to_first(
    ships: list[tuple[LabelRow, Runs]], height: int, width: int
) -> list[tuple[str, Runs]]:
    """Per ship: the lines of it and of the earlier ships it overlaps ("" if none), and what is left of it."""
    if not _overlap([runs for _, runs in ships]):
        return [("", runs) for _, runs in ships]
    outcome = []
    masks = [runs_to_rlemask(runs, height, width) for _, runs in ships]
    taken = RLEMask.zeros((height, width))
    for index, earlier in enumerate(_overlapped(masks)):
        row, runs = ships[index]
        if earlier:
            lines = [*(ships[other][0].line for other in earlier), row.line]
            outcome.append((in_one_cell(lines, " "), rlemask_to_runs(masks[index] - taken)))
        else:
            outcome.append(("", runs))
        taken = taken | masks[index]
    return outcome


def _overlapped(masks: Sequence[RLEMask]) -> Iterator[list[int]]:
    """Of each mask the places of the earlier ones that it shares pixels with."""
    step = max(1, _COMPARED_TOGETHER // len(masks))
    for start in range(0, len(masks), step):
        # One by one, 4,000 ships of one image would take half a minute.
        shares = RLEMask.iou_matrix(masks[start : start + step], masks[: start + step])
        for place, share in enumerate(shares, start):
            yield np.flatnonzero(share[:place]).tolist()


def _overlap(ships: list[Runs]) -> bool:
    """Whether any pixel belongs to two ships (each ship's own runs are known to be disjoint)."""
    if len(ships) < 2:
        return False
    starts = np.concatenate([runs.starts for runs in ships])
    ends = starts + np.concatenate([runs.lengths for runs in ships])
    order = np.argsort(starts)
    return bool((ends[order[:-1]] > starts[order[1:]]).any())


def _lines(rows: tuple[LabelRow, ...]) -> str:
    return in_one_cell([row.line for row in rows], " ")


def in_one_cell(parts: Sequence[str] | Sequence[int], separator: str) -> str:
    """The parts side by side; of very many the first and how many more there are.

    A table can name one image in every row, and readers of CSV files refuse cells above 131,072 characters.
    """
    more = len(parts) - _MOST_IN_A_CELL
    return separator.join([*map(str, parts[:_MOST_IN_A_CELL]), *([f"({more} more)"] if more > 0 else [])])
