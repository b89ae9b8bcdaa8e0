"""Tables for the terminal: dice by slice, runs."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from components.evaluation.names import (
    CASCADE,
    DICE,
    HEADLINE_AUC,
    HEADLINE_DICE,
    HEADLINE_DICE_SHIPS,
    PIXEL_DICE,
    SEGMENTER,
)
from components.evaluation.slices import Evaluation, Figure, Slice
from components.examples import HAS_SHIP, SHIP_GROUP
from pipeline.runs import Run


def dice_table(evaluation: Evaluation) -> Table:
    """Dice of the candidate by slice, with intervals and, if there is one, the baseline beside it."""
    table = Table(title="Dice on the test splits (mean over images ± 95 % interval)", title_justify="left")
    table.add_column("slice")
    for column in ("images", "dice", "segmenter alone", "pixel dice"):
        table.add_column(column, justify="right")
    baselines = {tuple(part.features.items()): part for part in evaluation.baseline}
    if baselines:
        table.add_column("pushed", justify="right")
    for part in evaluation.candidate:
        row = [
            slice_label(part),
            str(part.images),
            _interval(part.figures.get((CASCADE, DICE))),
            _number(part.value(SEGMENTER, DICE)),
            _number(part.value(CASCADE, PIXEL_DICE)),
        ]
        if baselines:
            other = baselines.get(tuple(part.features.items()))
            row.append(_number(other.value(CASCADE, DICE) if other else None))
        table.add_row(
            *row, end_section=set(part.features) <= {HAS_SHIP} and bool(part.features.get(HAS_SHIP))
        )
    return table


def slice_label(part: Slice) -> str:
    """A slice in words, such as "1-2 ships" or "Source airbus, with ships"."""
    words = []
    for name, value in part.features.items():
        if name == HAS_SHIP:
            words.append("with ships" if value == "1" else "without ships")
        elif name == SHIP_GROUP:
            words.append("no ship" if value == "0" else f"{value} ships")
        else:
            words.append(f"{name} {value}")
    return ", ".join(words) or "all"


def runs_table(runs: Iterable[Run]) -> Table:
    """Runs with state, headline dice, verdict and pushed version."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("run", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("cached", "dice ships", "dice", "AUC"):
        table.add_column(column, justify="right")
    table.add_column("blessed", no_wrap=True)
    table.add_column("pushed", no_wrap=True)
    for run in runs:
        table.add_row(
            run.run_id,
            run.state,
            f"{run.cached}/{len(run.stages)}",
            _number(run.headline(HEADLINE_DICE_SHIPS)),
            _number(run.headline(HEADLINE_DICE)),
            _number(run.headline(HEADLINE_AUC)),
            {None: "", True: "yes", False: "no"}[run.blessed],
            run.pushed_version or "",
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    # The intervals are symmetric, so one number says it.
    return f"{figure.value:.3f} ±{(figure.upper - figure.lower) / 2:.2f}"
