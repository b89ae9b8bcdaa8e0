"""The outcomes side by side: Markdown for people, CSV for programs. Imports no TensorFlow."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from components.evaluation.slices import Figure
from components.pages.markdown import markdown_table
from pipeline.experiment.outcome import AUC, DICE_ALL, DICE_SHIPS, EXACTLY_EMPTY, Outcome
from pipeline.experiment.plan import Plan, Trial

_ALWAYS = (DICE_SHIPS, DICE_ALL, EXACTLY_EMPTY, AUC)
_INTERVAL_NOTE = (
    "On the test splits; in brackets the 95 % interval over test images, which says nothing of how much "
    "another seed or another split would change."
)


@dataclass(frozen=True)
class Row:
    """A trial and its outcome; None before there is one."""

    trial: Trial
    outcome: Outcome | None

    @property
    def state(self) -> str:
        """done, failed, or waiting."""
        if self.outcome is None:
            return "waiting"
        return "failed" if self.outcome.cause else "done"

    def figure(self, name: str) -> Figure | None:
        """A figure of the outcome, None if it has none."""
        return self.outcome.figures.get(name) if self.outcome else None


def figure_names(rows: Sequence[Row]) -> list[str]:
    """Names of all figures that any row has, the usual ones first."""
    found = {name for row in rows if row.outcome for name in row.outcome.figures}
    return [*_ALWAYS, *sorted(found - set(_ALWAYS))]


def headline_cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of trials as a terminal has room for it."""
    cells = [
        [str(row.trial), row.state, *(figure_text(row.figure(name)) for name in _ALWAYS)] for row in rows
    ]
    return ["variant", "state", *_ALWAYS], cells


def _cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of trials with all that is known, as texts."""
    names = figure_names(rows)
    header = ["variant", "seed", "split", *names, "test images", "training", "parameters"]
    cells = []
    for row in rows:
        own = [row.trial.variant, str(row.trial.seed), row.trial.split]
        if row.state == "done" and row.outcome:
            figures = [figure_text(row.figure(name)) for name in names]
            cost = [f"{row.outcome.training_s:.0f} s", f"{row.outcome.parameters:,}"]
            cells.append([*own, *figures, str(row.outcome.test_images), *cost])
        else:
            cells.append([*own, row.state, *[""] * (len(header) - 4)])
    return header, cells


def as_markdown(plan: Plan, rows: Sequence[Row], plot_file: str) -> str:
    """The page of an experiment: plot, means by variant if there are several trials, trials, failures."""
    parts = [f"# Experiment {plan.name}", plan.about, f"![Dice by variant]({plot_file})", _INTERVAL_NOTE]
    if len(rows) > len(plan.variants):
        parts.append(
            "Mean over the finished seeds and splits of each variant, in brackets the least and the greatest:"
        )
        parts.append(_markdown_table(*_mean_cells(plan, rows)))
        parts.append("Each of them:")
    parts.append(_markdown_table(*_cells(rows)))
    failed = [f"- {row.trial}: {row.outcome.cause}" for row in rows if row.outcome and row.outcome.cause]
    if failed:
        parts += ["Failed:", "\n".join(failed)]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """One line a trial, numbers in full; each figure with its interval, empty where there is none."""
    names = figure_names(rows)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    bounds = [column for name in names for column in (name, f"{name} (low)", f"{name} (high)")]
    cost = ["test images", "training s", "parameters"]
    table.writerow(["variant", "seed", "split", "state", *bounds, *cost, "run", "cause"])
    for row in rows:
        values: list[object] = [row.trial.variant, row.trial.seed, row.trial.split, row.state]
        for name in names:
            figure = row.figure(name)
            values += [figure.value, figure.lower, figure.upper] if figure else [None, None, None]
        if row.state == "done" and row.outcome:
            values += [row.outcome.test_images, round(row.outcome.training_s, 1), row.outcome.parameters]
        else:
            values += [None, None, None]
        table.writerow([*values, *([row.outcome.run_id, row.outcome.cause] if row.outcome else ["", ""])])
    return text.getvalue()


def figure_text(figure: Figure | None) -> str:
    """A figure with its interval, such as "0.512 (0.43-0.60)"."""
    if figure is None:
        return ""
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    # An interval from a standard error may reach beyond what a share can be.
    return f"{figure.value:.3f} ({max(figure.lower, 0):.2f}-{min(figure.upper, 1):.2f})"


def _mean_cells(plan: Plan, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    names = figure_names(rows)
    cells = []
    for variant in plan.variants:
        done = [row for row in rows if row.trial.variant == variant and row.state == "done"]
        values = [[figure.value for row in done if (figure := row.figure(name))] for name in names]
        cells.append([variant, str(len(done)), *map(_spread, values)])
    return ["variant", "trials", *names], cells


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f} ({min(values):.2f}-{max(values):.2f})" if values else ""


def _markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    # The variant's label reads from the left, numbers from the right.
    return markdown_table(header, cells, [False, *[True] * (len(header) - 1)])
