"""`ships quarantine`: look at what was set aside, and overrule it."""

import getpass
import hashlib
import time
from collections import Counter
from collections.abc import Sequence

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.beam_files import read_bytes
from components.errors import InputError
from components.image_screener.decisions import Decision, Verdict, append_decisions, read_decisions
from components.image_screener.flagged import QUARANTINE_CSV, Flagged, read_flagged
from pipeline.root import Root
from pipeline.runs import Run, list_runs

# What no decision can mend: there are no pixels, or no mask of them.
_UNUSABLE = {"decode_ok", "label_ok"}


def list_flagged(root: Root, about: str, console: Console) -> None:
    """Print the images that the newest screening flagged, and the decisions that the next run will honour.

    Args:
        root: where the runs are.
        about: only images with this text in their id, outcome or reasons; "" for all.
        console: where to.

    Raises:
        InputError: no run has screened anything yet, or what it found is gone.
    """
    run, flagged = _newest_screening(root)
    decisions = read_decisions(root.decisions)
    shown = [row for row in flagged if about in f"{row.image_id} {row.outcome} {row.reasons}"]
    table = Table(title=f"Flagged in run {run.run_id}", title_justify="left")
    for column in ("image", "split", "outcome", "reasons", "next run"):
        # Whole names, since they are what one copies into the next command.
        table.add_column(column, overflow="fold", no_wrap=column == "outcome")
    for row in shown:
        decision = decisions.get(row.image_id)
        verdict = decision.verdict if decision is not None and decision.sha1 == row.sha1 else ""
        table.add_row(*map(escape, (row.image_id, row.split, row.outcome, row.reasons, verdict)))
    console.print(table)
    outcomes = Counter(row.outcome for row in shown)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"
    console.print(f"{len(shown)} of {len(flagged)} flagged images: {told}", highlight=False)


def decide(root: Root, image_ids: Sequence[str], verdict: Verdict, note: str, console: Console) -> None:
    """Record a decision about each image; the next run honours it.

    Raises:
        InputError: an image is unknown or can never be used; then nothing is recorded.
    """
    run, flagged = _newest_screening(root)
    rows = {row.image_id: row for row in flagged}
    when, by = time.strftime("%Y-%m-%dT%H:%M:%S%z"), getpass.getuser()
    decisions = []
    for image_id in image_ids:
        row = rows.get(image_id)
        if verdict == "restore" and row is not None:
            _check_usable(row)
        sha1 = row.sha1 if row is not None else _sha1(run, root, image_id)
        decisions.append(Decision(image_id, sha1, verdict, by, when, note))
    append_decisions(root.decisions, decisions)
    done = "Restored" if verdict == "restore" else "Dropped"
    console.print(
        f"{done} {len(decisions)} image{'' if len(decisions) == 1 else 's'}; the next run honours it. "
        f"All decisions: {root.decisions}",
        highlight=False,
        soft_wrap=True,
    )


def _check_usable(row: Flagged) -> None:
    if not _UNUSABLE.isdisjoint(row.features):
        raise InputError(
            f"{row.image_id} cannot be restored: {row.reasons}. Mend the file or its label rows instead; "
            "the next run judges them anew."
        )


def _newest_screening(root: Root) -> tuple[Run, list[Flagged]]:
    for run in list_runs(root):
        if folder := run.folder("ImageScreener", "quarantine"):
            table = folder / QUARANTINE_CSV
            try:
                return run, list(read_flagged(table.read_bytes()))
            except OSError as error:
                raise InputError(f"{table}: cannot be read: {error.strerror}") from None
    raise InputError(f"--root {root.path}: no run has screened images yet; `ships stats` or `ships run` does")


def _sha1(run: Run, root: Root, image_id: str) -> str:
    inputs = yaml.safe_load((root.run_folder(run.run_id) / "inputs.yaml").read_text(encoding="utf-8"))
    path = f"{inputs['images']}/{image_id}"
    try:
        content = read_bytes(path)
    except OSError as error:
        raise InputError(
            f"no image {image_id} among those of run {run.run_id} ({inputs['images']}): {error.strerror}"
        ) from None
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
