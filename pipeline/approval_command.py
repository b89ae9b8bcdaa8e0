"""`ships approve`, `ships reject`, `ships approvals`: a person's word about a run's model."""

import getpass
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.approval_gate.approvals import Action, Record, append_approval, read_approvals
from components.approval_gate.decision import from_json as decision_from_json
from components.errors import InputError
from components.evaluation.subject import Subject
from components.evaluation.verdict import VERDICT_FILE, State, from_json
from pipeline.decision_marks import mark_decisions
from pipeline.quiet import libraries_into
from pipeline.root import Root
from pipeline.runs import Run, list_runs

LATEST = "latest"
# Enough to tell digests apart by eye.
_SHOWN_DIGITS = 12
# Columns of a terminal in which a record of the table of approvals has room for a note of some words.
_WIDE = 150


@dataclass(frozen=True)
class _Judged:
    """A run that was evaluated: what the rules say, which of them hold it, and how to find its subject."""

    run_id: str
    verdict: State
    held: str
    subject: Callable[[], Subject]
    pushed_version: str = ""


def record_of_user(**about: str) -> Record:
    """A record made now by whoever is logged in; `about` are further fields of it."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return TypeAdapter(Record).validate_python({"when": when, "by": getpass.getuser(), **about})


def approve(root: Root, run_id: str, note: str, override: bool, console: Console) -> None:
    """Record that the model of a run may be pushed, for exactly this model and this evaluation.

    Args:
        root: where the runs are.
        run_id: id of the run, or "latest" for the newest that was evaluated, experiments left out; of a run
            on Kubeflow the file with the gate's decision, whose name is noted as the id.
        note: why; needed where the rules do not speak for the model.
        override: approve a model that fails the rules.
        console: where to tell what was done.

    Raises:
        InputError: there is no such run, it has no evaluation, its files have changed, the rules do not
            allow it, or a note is missing; the message says what to do.
    """
    judged = _judged(root, run_id)
    name, verdict, held = judged.run_id, judged.verdict, judged.held
    if verdict == "failed" and not override:
        raise InputError(
            f"run {name} fails the rules:\n{held}\n"
            "If it is to be pushed all the same, say so and why: --override --note ..."
        )
    if override and verdict != "failed":
        raise InputError(f"run {name} breaks no rule: leave --override out")
    if verdict != "passed" and not note.strip():
        raise InputError(f"the rules do not speak for run {name}; say why you do: --note ...\n{held}")
    _record(root, judged, "approve", note, override)
    told = "Approved against the rules" if override else "Approved"
    command = "submit" if _is_decision(run_id) else "run"
    after = (
        f"it was pushed as version {judged.pushed_version} before"
        if judged.pushed_version
        else f"the same `ships {command}` command again pushes it"
    )
    console.print(f"{told}: run {name}; {after}.", highlight=False, soft_wrap=True)


def reject(root: Root, run_id: str, note: str, console: Console) -> None:
    """Record that the model of a run must not be pushed; see `approve` for arguments and errors."""
    judged = _judged(root, run_id)
    if not note.strip():
        raise InputError("say why it is rejected: --note ...")
    _record(root, judged, "reject", note)
    console.print(
        f"Rejected: run {judged.run_id}; no run will push its model.", highlight=False, soft_wrap=True
    )
    if judged.pushed_version:
        console.print(
            f"It was pushed as version {judged.pushed_version} before: `ships rollback` takes that back.",
            highlight=False,
            soft_wrap=True,
        )


def list_approvals(root: Root, console: Console) -> None:
    """Print the table of approvals, oldest first.

    Raises:
        InputError: there is none yet, or it does not hold together.
    """
    records = read_approvals(root.approvals)
    if not records:
        raise InputError(f"--root {root.path}: nothing was approved, rejected or rolled back yet")
    table = Table(box=None, pad_edge=False)
    columns = ("when", "by", "what", "run or version", "model", "evaluation", "note")
    # Where there is no room beside each other, what the record is about stands one below the other.
    stacked = console.width < _WIDE
    for column in (*columns[:3], ", ".join(columns[3:])) if stacked else columns:
        table.add_column(column, overflow="fold", no_wrap=column == "when")
    for record in records:
        what = "approve AGAINST THE RULES" if record.override else record.action
        about = record.run or f"{record.restored} as {record.version}"
        digests = (digest[:_SHOWN_DIGITS] for digest in (record.model, record.evaluation))
        subject = (about, *digests, record.note)
        cells = ("\n".join(filter(None, subject)),) if stacked else subject
        table.add_row(*map(escape, (record.when, record.by, what, *cells)))
    console.print(table)


def evaluated_run(root: Root, run_id: str) -> Run:
    """The run of an id, or the newest that was evaluated for "latest".

    Raises:
        InputError: there is no such run, it has no evaluation, or model or evaluation are gone.
    """
    runs = list_runs(root)
    if not runs:
        raise InputError(f"--root {root.path}: there is no run; `ships run --root {root.path} ...` makes one")
    if run_id == LATEST:
        pushable = (run for run in runs if not run.unpushable)
        run = next((run for run in pushable if run.uri("ShipEvaluator", "evaluation")), None)
        if run is None:
            raise InputError(f"--root {root.path}: no run has come as far as an evaluation yet")
    else:
        run = next((run for run in runs if run.run_id == run_id), None)
        if run is None:
            known = ", ".join(run.run_id for run in runs)
            raise InputError(f"no run {run_id} under {root.path}; there are {known} (or say {LATEST})")
    if not run.folder("ShipDetector", "model") or not run.folder("ShipEvaluator", "evaluation"):
        raise InputError(
            f"run {run.run_id} ({run.state}) has no evaluation, so there is nothing to decide on; start its "
            "command again and let it run through"
        )
    return run


def _is_decision(run_id: str) -> bool:
    return run_id.endswith(".json")


def _judged(root: Root, run_id: str) -> _Judged:
    if _is_decision(run_id):
        return _judged_elsewhere(Path(run_id))
    run = evaluated_run(root, run_id)
    model, evaluation = run.uri("ShipDetector", "model") or "", run.uri("ShipEvaluator", "evaluation") or ""
    file = Path(evaluation, VERDICT_FILE)
    try:
        verdict = from_json(file.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"run {run.run_id} has no verdict ({file}); start its command again with this version of ships"
        ) from None
    held = "\n".join(f"  {check}" for check in verdict.held)

    def subject() -> Subject:
        return _unchanged(run, model, evaluation)

    return _Judged(run.run_id, verdict.state, held, subject, run.pushed_version or "")


def _judged_elsewhere(file: Path) -> _Judged:
    """By the decision of a gate whose run this root knows nothing of."""
    try:
        decision = decision_from_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except ValidationError:
        raise InputError(f"{file}: is no decision.json of an approval gate") from None
    if decision.verdict is None:
        raise InputError(f"{file}: from an earlier version of ships; run its pipeline again with this one")
    return _Judged(
        file.stem, decision.verdict, f"  {decision.reason}", lambda: decision.subject, decision.version
    )


def _unchanged(run: Run, model: str, evaluation: str) -> Subject:
    """Digests of what a run judged, if its files are still the same."""
    # TFX takes seconds to import and talks while it does.
    with libraries_into(Path(os.devnull)):
        from components.evaluation.digests import subject_of  # noqa: PLC0415

        subject = subject_of(model, evaluation)
    seen = run.subject
    if seen is not None and seen != subject:
        what, uri = ("model", model) if seen.model != subject.model else ("evaluation", evaluation)
        raise InputError(
            f"the files of the {what} of run {run.run_id} have changed since the run: {uri}. "
            "A decision would not be about what was judged; put them back, or train and evaluate anew"
        )
    return subject


def _record(root: Root, judged: _Judged, action: Action, note: str, override: bool = False) -> None:
    subject = judged.subject()
    record = record_of_user(
        action=action,
        run=judged.run_id,
        model=subject.model,
        evaluation=subject.evaluation,
        override="yes" if override else "",
        note=note,
    )
    append_approval(root.approvals, record)
    mark_decisions(root, subject.model)
