"""What a finished run is told by: counts, dice table, pictures, and where things lie."""

import contextlib
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from components.approval_gate.decision import DECISION_FILE
from components.approval_gate.decision import from_json as from_decision_json
from components.data_gate.artifact import PAGE_FILE
from components.data_gate.judgement import JUDGEMENT_FILE
from components.data_gate.judgement import from_json as from_judgement_json
from components.errors import InputError
from components.evaluation.results import read_evaluation
from components.evaluation.verdict import VERDICT_FILE, Verdict
from components.evaluation.verdict import from_json as from_verdict_json
from components.examples import IMAGE_COUNT
from components.review_report.settings import PAGE_FILE as REVIEW_FILE
from pipeline.console import ProgressDisplay
from pipeline.decision_marks import mark_runs
from pipeline.overlays import write_overlays
from pipeline.root import Root
from pipeline.runs import Run, list_runs
from pipeline.tables import dice_table, ships_table, verdict_table

_MARGIN = "  "
# The page has them all.
_TOLD_DETAILS = 3


def show_data(root: Root, run_id: str, console: Console) -> None:
    """Print where the images went, what speaks against the data set, and where it is told at length."""
    run = _run(root, run_id)
    console.print()
    console.print(
        f"{_images(run, 'ShipExampleGen', 'examples')} images listed = "
        f"{_images(run, 'ImageScreener', 'examples')} examples + "
        f"{_images(run, 'ImageScreener', 'quarantine')} quarantined",
        highlight=False,
    )
    report = Path(_uri(run, "DataReport", "report"))
    for rule in from_judgement_json((report / JUDGEMENT_FILE).read_bytes()).breached("warn"):
        told = "; ".join(rule.details[:_TOLD_DETAILS])
        more = ", ..." if len(rule.details) > _TOLD_DETAILS else ""
        line = escape(f"{rule.name}: {rule.measured} (allowed: {rule.bound}). {told}{more}")
        console.print(f"[yellow]![/] {line}", highlight=False, soft_wrap=True)
    _show_places(
        console,
        {
            "data report": report / PAGE_FILE,
            "quarantine": Path(_uri(run, "ImageScreener", "quarantine")) / "quarantine.csv",
            "label issues": Path(_uri(run, "ShipExampleGen", "label_report")) / "label_issues.csv",
        },
    )


def show_results(root: Root, run_id: str, console: Console) -> None:
    """Print what a run's model is worth, and draw its predictions unless they were drawn before."""
    run = _run(root, run_id)
    evaluation = _uri(run, "ShipEvaluator", "evaluation")
    console.print()
    measured = read_evaluation(evaluation)
    console.print(dice_table(measured))
    console.print(ships_table(measured))
    verdict = from_verdict_json(Path(evaluation, VERDICT_FILE).read_bytes())
    console.print(verdict_table(verdict))
    console.print(_decision(run, verdict), highlight=False, soft_wrap=True)
    # The gate has told of a table that does not hold together.
    with contextlib.suppress(InputError):
        mark_runs(root, [run])
    pictures = Path(evaluation) / "overlays"
    if not pictures.exists():
        with ProgressDisplay(console):
            write_overlays(
                _uri(run, "ShipDetector", "model"), _uri(run, "ImageScreener", "examples"), pictures
            )
    _show_places(
        console,
        {
            "review": Path(_uri(run, "ReviewReport", "review")) / REVIEW_FILE,
            "pictures": pictures / "overview.png",
            "candidate": Path(_uri(run, "ShipDetector", "model")),
            "model store": root.model_store,
        },
    )


def _run(root: Root, run_id: str) -> Run:
    return next(run for run in list_runs(root) if run.run_id == run_id)


def _show_places(console: Console, places: dict[str, Path]) -> None:
    for what, where in places.items():
        console.print(f"{_MARGIN}{what:13s} {where}{_rows(where)}", highlight=False, soft_wrap=True)


def _decision(run: Run, verdict: Verdict) -> str:
    """What the gate decided, why, and what one can do about it."""
    file = Path(_uri(run, "ApprovalGate", "blessing"), DECISION_FILE)
    decision = from_decision_json(file.read_bytes())
    reason = escape(decision.reason)
    if decision.outcome == "push" and not run.pushed_version and run.infra_refusal:
        return (
            f"Not pushed, although it may be ({reason}): no server answers with it as it must: "
            f"{escape(run.infra_refusal)}. The section infra_validation of the settings holds the bounds."
        )
    if decision.outcome == "push":
        return f"Pushed as version {run.pushed_version}: {reason}."
    if decision.outcome == "pushed before":
        return f"Not pushed a second time: {reason}."
    if decision.outcome == "waiting":
        return (
            f"Not pushed: {reason}. `ships approve {run.run_id} --root DIR --note ...` (or reject), then the "
            "same command again: all but the gate and the push come from the cache."
        )
    overridden = (
        " Only `ships approve --override` pushes it all the same." if verdict.state == "failed" else ""
    )
    return f"Not pushed: {reason}.{overridden}"


def _uri(run: Run, stage: str, output: str) -> str:
    uri = run.stages[stage].uri(output)
    if uri is None:
        raise LookupError(f"run {run.run_id} has no output {output} of {stage}")
    return uri


def _images(run: Run, stage: str, output: str) -> int:
    return int(run.stages[stage].outputs[output][0].custom_properties[IMAGE_COUNT].int_value)


def _rows(file: Path) -> str:
    if file.suffix != ".csv" or not file.exists():
        return ""
    rows = file.read_text(encoding="utf-8").count("\n") - 1
    return f" ({rows} row{'' if rows == 1 else 's'})"
