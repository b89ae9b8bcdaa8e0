"""`ships screen`: judge the images of a folder without a run, and measure how well the screening works."""

import contextlib
import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from components.errors import InputError
from components.pages.markdown import markdown_table
from components.ship_example_gen.inputs import read_scenes_of
from components.ship_example_gen.listing import list_images
from components.ship_example_gen.scenes import SceneTable
from components.ship_example_gen.tables import read_table
from pipeline.console import ProgressDisplay, standard_output
from pipeline.quiet import libraries_into
from schemas import SHIP_IMAGES

if TYPE_CHECKING:
    from components.image_screener.screening import Finding
    from components.image_screener.trials import Trial

CSV_COLUMNS = ("image_id", "reasons")
_MANIFEST_COLUMNS = ("file", "what_is_wrong")
# Columns that hold figures.
_NUMBERS = ("images", "flagged", "share")

Found = dict[str, list["Finding"]]
"""Reasons against each image of the folder, by its id."""


@dataclass(frozen=True)
class Sheet:
    """A table of the report, cells as text."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def markdown(self) -> str:
        """The table for a Markdown file."""
        numbers = [column in _NUMBERS for column in self.columns]
        return f"## {self.title}\n\n{markdown_table(self.columns, self.rows, numbers)}\n"

    def rich(self) -> Table:
        """The table for a terminal."""
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE)
        for column in self.columns:
            table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table


def screen(
    images: str,
    *,
    manifest: str,
    scenes: str,
    schema_file: str,
    output: Path | None,
    report: bool,
    limit: int,
    console: Console,
    verbose: bool,
) -> None:
    """Judge every image of a folder and print what was found.

    Args:
        images: folder of the images.
        manifest: table of what is known to be wrong, with the columns file and what_is_wrong; "" for none.
        scenes: scene table, by whose further columns the report counts; "" for none.
        schema_file: schema to judge by; "" for the curated one.
        output: receives the flagged images as CSV, or the report as Markdown; None for neither.
        report: whether to break some of the images in all known ways as well, and count what is found.
        limit: how many images are broken.
        console: where progress is shown; the tables go to standard output.
        verbose: let libraries print into the terminal.

    Raises:
        InputError: folder, tables, schema or output cannot be used.
    """
    listed = list_images(images)
    expected = _read_manifest(manifest) if manifest else {}
    scene_table = read_scenes_of(listed, scenes)
    if output:
        _write(output, "", mode="a")
    with contextlib.ExitStack() as stack:
        if not verbose:
            # Asked before the redirection, after which standard error is no terminal.
            is_terminal, width = console.is_terminal, console.width
            terminal = stack.enter_context(libraries_into(Path(os.devnull)))
            console = Console(file=terminal, force_terminal=is_terminal, width=width)
        # Seconds of imports and their warnings, so they come after the checks and the redirection.
        from components.image_screener.screening import Judge, read_schema  # noqa: PLC0415
        from components.image_screener.trials import judge_images, try_corruptions  # noqa: PLC0415

        judge = Judge(read_schema(Path(schema_file) if schema_file else SHIP_IMAGES))
        stack.enter_context(ProgressDisplay(console))
        found = judge_images(judge, listed)
        sheets = [_reasons_sheet(found)]
        if expected:
            sheets.append(_manifest_sheet(expected, found))
        if report:
            ordinary = [image for image in listed if not found[image.image_id]]
            trials = try_corruptions(judge, ordinary, limit)
            sheets += [_untouched_sheet(found, scene_table), _flagged_sheet(found), _trials_sheet(trials)]
    for sheet in sheets:
        standard_output().print(sheet.rich())
    if output:
        _write(output, "\n".join(sheet.markdown() for sheet in sheets) if report else _flagged_csv(found))


def _read_manifest(path: str) -> dict[str, str]:
    """What is wrong with each file, by its name."""
    table = read_table(path, _MANIFEST_COLUMNS, "manifest")
    name_at, wrong_at = (table.columns.index(column) for column in _MANIFEST_COLUMNS)
    expected = {
        cells[name_at].strip(): cells[wrong_at].strip()
        for _, cells in table.rows
        if len(cells) > max(name_at, wrong_at)
    }
    if not expected:
        raise InputError(f"{path}: no rows. Each names a file and what is wrong with it.")
    return expected


def _reasons_sheet(found: Found) -> Sheet:
    """How many images each reason speaks against."""
    counts = Counter(finding.feature for findings in found.values() for finding in findings)
    flagged = sum(map(bool, found.values()))
    return Sheet(
        f"{flagged} of {len(found)} images flagged",
        ("reason", "images"),
        [(name, str(count)) for name, count in _most_first(counts)],
    )


def _manifest_sheet(expected: dict[str, str], found: Found) -> Sheet:
    rows = [
        (name, wrong, (_told(found[name]) or "none") if name in found else "(not in the folder)")
        for name, wrong in expected.items()
    ]
    return Sheet("Files of the manifest", ("file", "what is wrong", "reasons found"), rows)


def _untouched_sheet(found: Found, scenes: SceneTable) -> Sheet:
    """False alarms, if all images are ordinary: in all, and by the values of each further column."""
    groups: dict[str, list[bool]] = {"all": [bool(findings) for findings in found.values()]}
    for image_id in sorted(found):
        for column, value in scenes.extras_of(image_id).items():
            groups.setdefault(f"{column} {value or '(none)'}", []).append(bool(found[image_id]))
    rows = [
        (name, str(len(flags)), str(sum(flags)), _share(sum(flags), len(flags)))
        for name, flags in groups.items()
    ]
    return Sheet("Images as they are", ("group", "images", "flagged", "share"), rows)


def _flagged_sheet(found: Found) -> Sheet:
    rows = [(image_id, _told(findings)) for image_id, findings in found.items() if findings]
    return Sheet("Flagged as they are", ("image", "reasons"), rows)


def _trials_sheet(trials: "Sequence[Trial]") -> Sheet:
    rows = [
        (
            trial.corruption.name,
            f"{trial.corruption.unit} {trial.strength:g}",
            "yes" if trial.useless else "no",
            _share(trial.flagged, trial.images),
            ", ".join(f"{name} {count}" for name, count in _most_first(trial.reasons)[:3]),
        )
        for trial in trials
    ]
    copies = max((trial.images for trial in trials), default=0)
    columns = ("corruption", "strength", "useless", "flagged", "most frequent reasons")
    return Sheet(f"Broken copies of {copies} images", columns, rows)


def _flagged_csv(found: Found) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows((image_id, _told(findings)) for image_id, findings in found.items() if findings)
    return text.getvalue()


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _told(findings: "Iterable[Finding]") -> str:
    return "; ".join(map(str, findings))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _write(path: Path, text: str, mode: str = "w") -> None:
    """Raises InputError where nothing can be written, which is worth finding out before hours of work."""
    try:
        with path.open(mode, encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"-o {path} cannot be written: {error.strerror}.") from error
