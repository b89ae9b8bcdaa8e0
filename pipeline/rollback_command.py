"""`ships rollback`: an earlier version of the model becomes the newest again."""

import os
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from components.approval_gate.approvals import Record, append_approval, read_approvals
from components.errors import InputError
from pipeline.approval_command import record_of_user
from pipeline.decision_marks import mark_decisions
from pipeline.quiet import libraries_into
from pipeline.root import Root


def roll_back(root: Root, to: int | None, note: str, console: Console) -> None:
    """Copy a version to a new, higher one, so that servers and the next baseline take it; record who and why.

    The newest model is withdrawn by this: no run pushes it again unless it is approved anew.

    Args:
        root: where the runs and the model store are.
        to: the version; None for the one before the newest.
        note: why.
        console: where to tell what was done.

    Raises:
        InputError: there is no such version, nothing to go back to, no note, a broken table of approvals,
            or a run holds the root.
    """
    if not note.strip():
        raise InputError("say why it is rolled back: --note ...")
    if not root.path.is_dir():
        raise InputError(f"--root {root.path}: there is no such folder, so nothing was pushed into it")
    with root.locked():
        records = read_approvals(root.approvals)
        with libraries_into(Path(os.devnull)):
            from components.baseline.model_store import copy_as_newest, versions  # noqa: PLC0415
            from components.evaluation.digests import folder_digest  # noqa: PLC0415

            store = root.model_store
            there = versions(str(store))
            restored = _previous(there, records) if to is None else _named(there, to)
            withdrawn = folder_digest(str(store / str(there[-1])))
            if folder_digest(str(store / str(restored))) == withdrawn:
                raise InputError(f"versions {restored} and {there[-1]} are the same model; give --to VERSION")
            version = copy_as_newest(str(store), restored)
        append_approval(
            root.approvals,
            record_of_user(
                action="rollback",
                model=withdrawn,
                restored=str(restored),
                version=str(version),
                note=note,
            ),
        )
    mark_decisions(root, withdrawn)
    console.print(
        f"Version {restored} is the newest again, as version {version}; version {there[-1]} is withdrawn.",
        highlight=False,
        soft_wrap=True,
    )


def _previous(there: list[int], records: Iterable[Record]) -> int:
    """The version before the newest; a version that is a copy stands where the original stood."""
    if not there:
        raise InputError("the model store is empty: nothing was pushed yet")
    originals = {int(record.version): int(record.restored) for record in records if record.version}
    newest = there[-1]
    while newest in originals:
        newest = originals[newest]
    before = [version for version in there if version < newest]
    if not before:
        raise InputError(
            f"there is no version before {newest} to go back to; the model store has "
            f"{', '.join(map(str, there))} (--to VERSION)"
        )
    return before[-1]


def _named(there: list[int], to: int) -> int:
    if to not in there:
        known = ", ".join(map(str, there)) or "none"
        raise InputError(f"--to {to}: the model store has no such version; it has {known}")
    if to == there[-1]:
        raise InputError(f"--to {to}: that is the newest version already")
    return to
