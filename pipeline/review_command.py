"""`ships review`: where the page about a run's model is, made now if the run has none."""

import json
import os
import shutil
import tempfile
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from components.errors import InputError
from components.examples import SPLITS
from components.review_report.settings import CARD_FILE, PAGE_FILE, ReviewSettings
from pipeline.approval_command import evaluated_run
from pipeline.console import ProgressDisplay
from pipeline.decision_marks import mark_runs, review_folder
from pipeline.quiet import libraries_into
from pipeline.root import Root
from pipeline.runs import Run

# Name in `Sources`: stage and output.
_SOURCES = {
    "examples": ("ImageScreener", "examples"),
    "model": ("ShipDetector", "model"),
    "evaluation": ("ShipEvaluator", "evaluation"),
    "baseline_model": ("Baseline", "model"),
    "data_report": ("DataReport", "report"),
    "segmenter": ("Segmenter", "model"),
    "classifier": ("Classifier", "model"),
}
# As `page.code_digests` names them.
_CODE = {
    "segmenter": "Segmenter",
    "classifier": "Classifier",
    "detector": "ShipDetector",
    "evaluation": "ShipEvaluator",
}


def show_review(root: Root, run_id: str, output: Path | None, open_page: bool, console: Console) -> None:
    """Bring the page to what was decided by now, print its path, and copy or open it.

    Args:
        root: where the runs are.
        run_id: id of the run, or "latest" for the newest that was evaluated.
        output: where to copy the page to, None for nowhere.
        open_page: show it in the user's browser.
        console: where progress is shown.

    Raises:
        InputError: there is no such run, it was not evaluated, or page or output cannot be written.
    """
    run = evaluated_run(root, run_id)
    folder = review_folder(root, run)
    page = folder / PAGE_FILE
    if not page.exists():
        _check_writable(folder)
        _make(folder, run, root, console)
    try:
        doubt = ", ".join(f"{file} cannot be written" for file in mark_runs(root, [run]))
    except InputError as error:
        doubt = str(error)
    if doubt:
        told = f"[yellow]![/] The page does not tell what was decided: {escape(doubt)}"
        console.print(told, highlight=False, soft_wrap=True)
    if output is not None:
        try:
            shutil.copyfile(page, output)
        except OSError as error:
            raise InputError(f"--output {output}: cannot be written: {error.strerror}") from None
        page = output
    page = page.resolve()
    print(page)
    if open_page:
        webbrowser.open(page.as_uri())


def _check_writable(folder: Path) -> None:
    """Raises InputError before the minutes that a page takes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(f"{folder}: the page cannot be written there: {error.strerror}") from None


def _make(folder: Path, run: Run, root: Root, console: Console) -> None:
    console.print(
        f"Run {run.run_id} has no review page yet; it is made now ...", style="dim", highlight=False
    )
    is_terminal, width = console.is_terminal, console.width
    with libraries_into(Path(os.devnull)) as terminal:
        from components.review_report.card import model_card  # noqa: PLC0415
        from components.review_report.page import Origin, render  # noqa: PLC0415
        from components.review_report.review import Sources, review  # noqa: PLC0415

        told = Console(file=terminal, force_terminal=is_terminal, width=width)
        # The model of a first run's baseline is an empty folder, which copies of a root may lack.
        folder_of = {"baseline_model": run.uri}
        uris = {name: str(folder_of.get(name, run.folder)(*place) or "") for name, place in _SOURCES.items()}
        with ProgressDisplay(told):
            found = review(
                Sources(**uris), [split for split in SPLITS if split.startswith("test")], ReviewSettings()
            )
        artifacts = tuple(
            (name.replace("_", " "), str(run.stages[stage].outputs[key][0].id), uris[name])
            for name, (stage, key) in sorted(_SOURCES.items())
            if uris[name]
        )
        origin = Origin(run.run_id, str(root.path.resolve()), artifacts, tuple(_digests(run)))
    (folder / PAGE_FILE).write_text(render(found, origin), encoding="utf-8")
    (folder / CARD_FILE).write_text(model_card(found, origin), encoding="utf-8")


def _digests(run: Run) -> Iterator[tuple[str, str]]:
    """Of data and code as the stages were run with; the code may be another by now."""
    if data := run.property_of("ShipExampleGen", "data_fingerprint"):
        yield "data digest", data
    for name, stage in _CODE.items():
        # TFX's own Trainer has no parameter for it.
        config = json.loads(run.property_of(stage, "custom_config") or "null") or {}
        if digest := run.property_of(stage, "code_digest") or config.get("code_digest"):
            yield f"code digest, {name}", digest
