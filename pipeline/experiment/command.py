"""`ships experiment`: run what is not done yet, one by one, and keep table and plot current."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import FrameType

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.errors import ShipsError
from components.ship_example_gen.inputs import check_inputs
from components.ship_example_gen.listing import data_fingerprint
from pipeline.experiment.outcome import Outcomes
from pipeline.experiment.plan import Plan
from pipeline.experiment.plot import write_plot
from pipeline.experiment.table import Row, as_csv, as_markdown, headline_cells
from pipeline.experiment.trial import run_trial
from pipeline.root import Root
from pipeline.run_command import EXIT_INTERRUPTED, Inputs, duration

TABLE_FILE, CSV_FILE, PLOT_FILE = "table.md", "table.csv", "dice.png"


class TrialsFailedError(ShipsError):
    """Some trials of an experiment failed; the message says how many and where the causes stand."""


def run_experiment(
    inputs: Inputs, plan: Plan, root: Root, console: Console, *, verbose: bool = False
) -> None:
    """Run the trials of a plan that are not done; write table and plot after each.

    A trial ends with its evaluation: it pushes nothing and is compared with no pushed model, so that neither
    the model store nor its baseline knows of experiments.

    Args:
        inputs: images, labels and scenes.
        plan: the trials.
        root: where the runs, and below `experiments/` the results, are written.
        console: where progress and the table are shown.
        verbose: let libraries print into the terminal rather than into the logs of the runs.

    Raises:
        InputError: the data or the root cannot be used at all.
        TrialsFailedError: at the end, if some trials failed.
    """
    inputs = inputs.absolute()
    check_inputs(inputs.images, inputs.labels, inputs.scenes)
    with root.locked():
        # It can be used; each trial locks it for itself.
        pass
    folder = root.experiment_folder(plan.name)
    outcomes = Outcomes(folder / "outcomes", data_fingerprint(inputs.images, inputs.labels, inputs.scenes))
    rows = [Row(trial, outcomes.find(trial)) for trial in plan.trials]
    # What failed is tried once more: its cause may be mended.
    waiting = [index for index, row in enumerate(rows) if row.state != "done"]
    _tell_start(plan, len(rows) - len(waiting), console)
    folder.mkdir(parents=True, exist_ok=True)
    _write(plan, rows, folder)
    took: list[float] = []
    with _interrupts_counted() as interrupts:
        for turn, index in enumerate(waiting):
            trial = rows[index].trial
            left = f", about {duration(fmean(took) * (len(waiting) - turn))} left" if took else ""
            console.rule(f"{turn + 1} of {len(waiting)}: {escape(str(trial))}{left}", align="left")
            started = time.monotonic()
            outcome = run_trial(inputs, trial.settings, root, verbose=verbose)
            if interrupts or outcome is None:
                sys.exit(EXIT_INTERRUPTED)
            took.append(time.monotonic() - started)
            outcome = replace(outcome, seconds=round(took[-1], 1))
            outcomes.keep(trial, outcome)
            rows[index] = Row(trial, outcome)
            _write(plan, rows, folder)
            if outcome.cause:
                console.print(f"[red]failed:[/] {escape(outcome.cause)}", highlight=False, soft_wrap=True)
    _tell_end(plan, rows, folder, console)


@contextmanager
def _interrupts_counted() -> Iterator[list[int]]:
    """Gather Ctrl-C in a list: the process of the trial ends itself on it, and says so."""
    interrupts: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        interrupts.append(signum)

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)


def _write(plan: Plan, rows: list[Row], folder: Path) -> None:
    write_plot(plan, rows, folder / PLOT_FILE)
    (folder / CSV_FILE).write_text(as_csv(rows), encoding="utf-8")
    (folder / TABLE_FILE).write_text(as_markdown(plan, rows, PLOT_FILE), encoding="utf-8")


def _tell_start(plan: Plan, done: int, console: Console) -> None:
    before = f", {done} of them done before" if done else ""
    console.print(
        f"Experiment {plan.name}: {len(plan.variants)} variants, {len(plan.trials)} trials{before}.",
        highlight=False,
    )


def _tell_end(plan: Plan, rows: list[Row], folder: Path, console: Console) -> None:
    header, cells = headline_cells(rows)
    table = Table(title=f"Experiment {escape(plan.name)} (test splits, 95 % intervals)", title_justify="left")
    for name in header:
        table.add_column(name, justify="left" if name == "variant" else "right")
    for row in cells:
        table.add_row(*map(escape, row))
    console.print(table)
    for name in (TABLE_FILE, CSV_FILE, PLOT_FILE):
        console.print(f"  {folder / name}", highlight=False, soft_wrap=True)
    failed = sum(row.state == "failed" for row in rows)
    if failed:
        raise TrialsFailedError(
            f"{failed} of {len(rows)} trials failed; {folder / TABLE_FILE} says why. The same command tries "
            "them once more and leaves alone what is done."
        )
