"""Writes what people decided into the pages and model cards of the runs that it is about."""

from collections.abc import Iterable
from pathlib import Path

from components.approval_gate.approvals import read_approvals
from components.approval_gate.decision import decisive
from components.review_report.marks import marked
from components.review_report.settings import CARD_FILE, PAGE_FILE
from pipeline.root import Root
from pipeline.runs import Run, list_runs


def review_folder(root: Root, run: Run) -> Path:
    """Where the page and the card of a run are: the ReviewReport's, else made later for `ships review`."""
    made = run.uri("ReviewReport", "review")
    return Path(made) if made else root.run_folder(run.run_id) / "review"


def mark_decisions(root: Root, model: str) -> None:
    """Bring the pages and cards of a model, given by its digest, to the present state of the table.

    Raises:
        InputError: the table of approvals does not hold together.
    """
    mark_runs(root, (run for run in list_runs(root) if run.subject and run.subject.model == model))


def mark_runs(root: Root, runs: Iterable[Run]) -> list[Path]:
    """The same for the models of some runs; what has no page, or no place in it, stays as it is.

    Returns:
        Files that this user may not write, so that they tell what was decided before, or nothing.
    """
    records = read_approvals(root.approvals)
    stale = []
    for run in runs:
        record = decisive(records, run.subject) if run.subject else None
        for name in (PAGE_FILE, CARD_FILE):
            file = review_folder(root, run) / name
            if not file.exists():
                continue
            text = file.read_text(encoding="utf-8")
            if (told := marked(name, text, record)) != text:
                try:
                    file.write_text(told, encoding="utf-8")
                except OSError:
                    stale.append(file)
    return stale
