"""One trial in a process of its own, so that no training inherits memory or state from the one before."""

import json
import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console

from components.errors import ShipsError
from components.evaluation import names
from components.evaluation.names import CASCADE, CLASSIFIER, DICE
from components.evaluation.slices import Evaluation, Figure
from components.examples import HAS_SHIP
from components.processes import die_with_parent
from pipeline.experiment.outcome import AUC, DICE_ALL, DICE_SHIPS, EXACTLY_EMPTY, Outcome
from pipeline.root import Root
from pipeline.run_command import EXIT_INTERRUPTED, Inputs, run_stages
from pipeline.settings import Settings

_FIGURES = {
    DICE_SHIPS: ({HAS_SHIP: "1"}, CASCADE, DICE),
    DICE_ALL: ({}, CASCADE, DICE),
    # Dice of an image without ships is 1 if nothing was predicted, else 0.
    EXACTLY_EMPTY: ({HAS_SHIP: "0"}, CASCADE, DICE),
    AUC: ({}, CLASSIFIER, names.AUC),
}


def run_trial(inputs: Inputs, settings: Settings, root: Root, *, verbose: bool) -> Outcome | None:
    """Run the pipeline as far as its evaluation, in a new process.

    Args:
        inputs: images, labels and scenes, checked before.
        settings: of the trial.
        root: where everything is written.
        verbose: let libraries print into the terminal.

    Returns:
        The outcome, without its duration; None if the process was interrupted by Ctrl-C.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    options = {"verbose": verbose, "parent": os.getpid()}
    process = context.Process(target=_run, args=(sender, inputs, settings, root), kwargs=options)
    process.start()
    sender.close()
    try:
        outcome: Outcome | None = receiver.recv()
    except EOFError:
        outcome = None
    process.join()
    if outcome is not None or process.exitcode == EXIT_INTERRUPTED:
        return outcome
    # The kernel's way to say that memory has run out.
    killed = process.exitcode is not None and process.exitcode < 0
    hint = "; if nobody killed it, memory ran out: lower batch_size or cache_mb" if killed else ""
    return Outcome(cause=f"the process of the run ended with code {process.exitcode}{hint}")


def _run(
    sender: Connection, inputs: Inputs, settings: Settings, root: Root, *, verbose: bool, parent: int
) -> None:
    # Else it would train on, and keep the root locked, where the experiment was killed.
    die_with_parent(parent)

    def measure(run_id: str, console: Console) -> Outcome:
        return measured(root, run_id)

    console = Console(stderr=True)
    try:
        outcome = run_stages(
            inputs, settings, root, console, until="evaluation", then=measure, verbose=verbose
        )
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except ShipsError as error:
        outcome = Outcome(cause=str(error).splitlines()[0])
    except Exception as error:  # whatever ends one trial must not end the others
        outcome = Outcome(cause=f"{type(error).__name__}: {error}")
    sender.send(outcome)


def measured(root: Root, run_id: str) -> Outcome:
    """What a finished run of the pipeline is worth, and what it took."""
    from components.evaluation.results import read_evaluation  # noqa: PLC0415
    from pipeline.runs import list_runs  # noqa: PLC0415

    run = next(run for run in list_runs(root) if run.run_id == run_id)
    evaluation = run.uri("ShipEvaluator", "evaluation")
    if evaluation is None:
        raise LookupError(f"run {run_id} has no evaluation")
    result = read_evaluation(evaluation)
    networks = [run.uri(trainer, "model") for trainer in ("Classifier", "Segmenter")]
    histories = [_history(uri) for uri in networks if uri is not None]
    return Outcome(
        run_id=run_id,
        figures=figures_of(result),
        test_images=next((part.images for part in result.candidate if part.matches({})), 0),
        training_s=sum(60 * history["epochs"][-1]["minutes"] for history in histories),
        parameters=sum(history["parameters"] for history in histories),
    )


def figures_of(result: Evaluation) -> dict[str, Figure]:
    """The figures of an `Outcome`; those that the test splits cannot give are left out."""
    figures = {}
    for name, (features, head, metric) in _FIGURES.items():
        for part in result.candidate:
            if part.matches(features) and (head, metric) in part.figures:
                figures[name] = part.figures[head, metric]
    for part in result.candidate:
        columns = {name: value for name, value in part.features.items() if name != HAS_SHIP}
        crossed = len(columns) == 1 and part.features.get(HAS_SHIP) == "1"
        if crossed and (CASCADE, DICE) in part.figures:
            ((column, value),) = columns.items()
            figures[f"{DICE_SHIPS}, {column} {value}"] = part.figures[CASCADE, DICE]
    return figures


def _history(model_uri: str) -> dict[str, Any]:
    from tfx.utils import path_utils  # noqa: PLC0415

    from components.training.candidate import HISTORY_FILE  # noqa: PLC0415

    history: dict[str, Any] = json.loads(
        Path(path_utils.serving_model_dir(model_uri), HISTORY_FILE).read_text(encoding="utf-8")
    )
    return history
