"""Tables for the terminal: dice by slice, ships by size, rules, runs."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich import box
from rich.markup import escape
from rich.table import Table

from components.approval_gate.approvals import Record
from components.approval_gate.decision import decisive
from components.evaluation.names import (
    CASCADE,
    DICE,
    F2,
    FOUND_OF,
    HEADLINE_AUC,
    HEADLINE_DICE,
    HEADLINE_DICE_SHIPS,
    PIXEL_DICE,
    RECALL_OF,
    SEGMENTER,
    SHIP_DICE_OF,
    SHIP_RECALL,
    SHIP_SIZES,
    SHIPS_OF,
)
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.verdict import Verdict
from pipeline.runs import Run

# An interval this much off the middle is told as one that is not.
_SYMMETRIC = 0.005
# Columns of a terminal in which the list of runs has room between its columns.
_WIDE = 120


def dice_table(evaluation: Evaluation) -> Table:
    """Dice of the candidate by slice, with intervals and, if there is one, the baseline beside it."""
    table = Table(title="Dice on the test splits (mean over images ± 95 % interval)", title_justify="left")
    table.add_column("slice")
    for column in ("images", "dice", "segmenter\nalone", "pixel\ndice", "F2"):
        table.add_column(column, justify="right")
    baselines = {tuple(part.features.items()): part for part in evaluation.baseline}
    if baselines:
        table.add_column("pushed", justify="right")
    kinds = [part.features for part in evaluation.candidate[1:]]
    for part, following in zip_longest(evaluation.candidate, kinds):
        row = [
            part.label,
            str(part.images),
            _interval(part.figures.get((CASCADE, DICE))),
            _number(part.value(SEGMENTER, DICE)),
            _number(part.value(CASCADE, PIXEL_DICE)),
            _number(part.value(CASCADE, F2)),
        ]
        if baselines:
            other = baselines.get(tuple(part.features.items()))
            row.append(_number(other.value(CASCADE, DICE) if other else None))
        table.add_row(*row, end_section=following is not None and part.features.keys() != following.keys())
    return table


def ships_table(evaluation: Evaluation) -> Table:
    """Labelled ships of the test splits by class of their area, and how many the candidate found.

    The baseline's recall stands beside, if there is one that counts ships.
    """
    table = Table(title="Ships found at IoU 0.5, by size (with 95 % interval)", title_justify="left")
    table.add_column("size in px")
    for column in ("ships", "found", "recall", "segmenter\nalone", "dice of\nships"):
        table.add_column(column, justify="right")
    overall, pushed = (
        next((part for part in slices if part.matches({})), Slice({}))
        for slices in (evaluation.candidate, evaluation.baseline)
    )
    if compared := pushed.value(CASCADE, SHIP_RECALL) is not None:
        table.add_column("pushed", justify="right")
    for size in SHIP_SIZES:
        row = [
            size,
            _count(overall.value(CASCADE, SHIPS_OF[size])),
            _count(overall.value(CASCADE, FOUND_OF[size])),
            _interval(overall.figures.get((CASCADE, RECALL_OF[size]))),
            _number(overall.value(SEGMENTER, RECALL_OF[size])),
            _interval(overall.figures.get((CASCADE, SHIP_DICE_OF[size]))),
        ]
        table.add_row(*row, *([_number(pushed.value(CASCADE, RECALL_OF[size]))] if compared else []))
    return table


def verdict_table(verdict: Verdict) -> Table:
    """Each rule with value, bound and outcome."""
    table = Table(title=f"Rules: {verdict.state}", title_justify="left")
    for column in ("rule", "images", "value", "bound", "outcome"):
        table.add_column(column, justify="right" if column in ("images", "value") else "left")
    colours = {"pass": "green", "fail": "red", "cannot be judged": "yellow"}
    for check in verdict.checks:
        value = None if check.value is None else Figure(check.value, check.lower, check.upper)
        outcome = f"[{colours[check.outcome]}]{check.outcome}[/]"
        table.add_row(
            escape(f"{check.head} {check.metric}, {Slice(check.slice).label}"),
            str(check.images),
            _interval(value),
            check.bound,
            f"{outcome}: {check.reason}" if check.reason else outcome,
        )
    return table


def runs_table(runs: Iterable[Run], records: Sequence[Record] | None, width: int) -> Table:
    """Runs with state, headline dice, the rules' verdict, the present word of people, and pushed version.

    Args:
        runs: as listed.
        records: the table of approvals; None if it cannot be trusted.
        width: of the terminal, in characters.
    """
    # Only the word of people folds. A least width for others would cut the last column without a mark.
    padding = (0, 1) if width >= _WIDE else (0, 0)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=padding)
    for column in ("run", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("from\ncache", "dice\nships", "dice", "AUC"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("approval", overflow="fold")
    table.add_column("pushed", no_wrap=True)
    for run in runs:
        table.add_row(
            run.run_id,
            run.state if width >= _WIDE else run.state.replace(" ", "\n"),
            f"{run.cached}/{len(run.stages)}",
            _number(run.headline(HEADLINE_DICE_SHIPS)),
            _number(run.headline(HEADLINE_DICE)),
            _number(run.headline(HEADLINE_AUC)),
            run.verdict or "",
            escape(_approval(run, records)),
            run.pushed_version or "",
        )
    return table


def _approval(run: Run, records: Sequence[Record] | None) -> str:
    if records is None:
        return "?"
    record = decisive(records, run.subject) if run.subject else None
    if record is None:
        return {"push": "automatic", "pushed before": "automatic", "waiting": "waits"}.get(run.gate or "", "")
    if record.override:
        return f"OVERRIDE by {record.by}"
    told = {"approve": "approved", "reject": "rejected", "rollback": "withdrawn"}[record.action]
    return f"{told} by {record.by}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    reach = (figure.upper - figure.lower) / 2
    if abs(figure.upper - reach - figure.value) < _SYMMETRIC:
        return f"{figure.value:.3f} ±{reach:.2f}"
    return f"{figure.value:.3f} ({figure.lower:.2f}-{figure.upper:.2f})"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
