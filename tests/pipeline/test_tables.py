"""Tables as a person sees them, at 100 columns."""

from io import StringIO

import pytest
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console
from rich.table import Table

from components.approval_gate.approvals import Record
from components.evaluation.names import (
    CASCADE,
    CLASSIFIER,
    DICE,
    F2,
    FOUND_OF,
    HEADLINE_AUC,
    HEADLINE_DICE,
    HEADLINE_DICE_SHIPS,
    IMAGES,
    PIXEL_DICE,
    RECALL_OF,
    SEGMENTER,
    SHIP_DICE_OF,
    SHIP_RECALL,
    SHIPS_OF,
    VERDICT,
)
from components.evaluation.slices import Evaluation, Figure, Slice
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST
from pipeline.runs import Run, StageRun
from pipeline.tables import dice_table, runs_table, ships_table

FIGURES = {
    (CASCADE, DICE): Figure(0.8123, 0.7623, 0.8623),
    (SEGMENTER, DICE): Figure(0.7),
    (CASCADE, PIXEL_DICE): Figure(0.9),
    (CASCADE, F2): Figure(0.654),
    (CASCADE, SHIP_RECALL): Figure(0.6),
    (CASCADE, SHIPS_OF["0-60"]): Figure(0),
    (CASCADE, FOUND_OF["0-60"]): Figure(0),
    (CASCADE, SHIPS_OF["60-150"]): Figure(12),
    (CASCADE, FOUND_OF["60-150"]): Figure(11),
    (CASCADE, RECALL_OF["60-150"]): Figure(11 / 12, 0.646, 0.985),
    (CASCADE, SHIP_DICE_OF["60-150"]): Figure(0.75, 0.65, 0.85),
    (CLASSIFIER, IMAGES): Figure(34),
}
LONGEST = {"Source": "sen2ships", "has_ship": "0"}


def shown(table: Table, width: int = 100) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def cells(table: Table, first: str) -> list[str]:
    return next(row for line in shown(table) if (row := line.replace("│", " ").split()) and row[0] == first)


def evaluation(with_baseline: bool) -> Evaluation:
    slices = [Slice({}, FIGURES), Slice(LONGEST, FIGURES), Slice({"ship_size": "60-150"}, FIGURES)]
    return Evaluation(slices, slices if with_baseline else [])


def test_no_row_of_the_dice_table_wraps_at_100_columns() -> None:
    table = dice_table(evaluation(with_baseline=True))
    assert cells(table, "all") == ["all", "34", "0.812", "±0.05", "0.700", "0.900", "0.654", "0.812"]
    assert any(
        "Source sen2ships, without ships" in line and line.count("0.812") == 2 for line in shown(table)
    )
    assert any("ships of 60-150 px" in line for line in shown(table))


def test_ships_are_told_by_size_with_what_was_found() -> None:
    told = cells(ships_table(evaluation(with_baseline=True)), "60-150")
    # An interval that is not symmetric is told by its ends.
    assert told == ["60-150", "12", "11", "0.917", "(0.65-0.98)", "0.750", "±0.10", "0.917"]


def test_a_size_without_ships_has_no_recall() -> None:
    assert cells(ships_table(evaluation(with_baseline=False)), "0-60") == ["0-60", "0", "0"]


def test_an_evaluation_without_images_is_a_table_without_numbers() -> None:
    assert cells(ships_table(Evaluation([], [])), "0-60") == ["0-60"]
    assert shown(dice_table(Evaluation([], [])))


def finished(verdict: str, version: str) -> dict[str, StageRun]:
    evaluated, blessed, pushed = (metadata_store_pb2.Artifact(uri="somewhere") for _ in range(3))
    for name, value in ((HEADLINE_DICE_SHIPS, 0.561), (HEADLINE_DICE, 0.668), (HEADLINE_AUC, 0.981)):
        evaluated.custom_properties[name].double_value = value
    evaluated.custom_properties[VERDICT].string_value = verdict
    for name in (MODEL_DIGEST, EVALUATION_DIGEST):
        evaluated.custom_properties[name].string_value = version
    blessed.custom_properties["outcome"].string_value = "push"
    pushed.custom_properties["pushed_version"].string_value = version
    return {
        "ShipEvaluator": StageRun("done", {"evaluation": [evaluated]}),
        "ApprovalGate": StageRun("done", {"blessing": [blessed]}),
        "Pusher": StageRun("done", {"pushed_model": [pushed]}),
    }


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_of_runs_keeps_its_figures_in_a_narrow_terminal(width: int) -> None:
    run = Run("20261126-141004", finished("undecided", "1795703884"))
    (row,) = (line for line in shown(runs_table([run], (), width), width) if line.startswith(run.run_id))
    assert row.split()[1:] == [
        "done", "0/3", "0.561", "0.668", "0.981", "undecided", "automatic", "1795703884",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_ids_and_versions_of_runs_are_whole_whoever_decided(width: int) -> None:
    runs = [
        Run("20261126-141004", finished("undecided", "1795703884")),
        Run("20261126-141003", {"Segmenter": StageRun("running", {})}),
        Run("20261126-141002", {"ShipEvaluator": StageRun("done", {})}, unpushable=True),
    ]
    who = "jonathan.smith"
    records = [Record("now", who, "approve", "", "1795703884", "1795703884", override="yes")]
    lines = shown(runs_table(runs, records, width), width)
    for cell in ("20261126-141004", "20261126-141003", "20261126-141002", "1795703884", "interrupted"):
        assert any(cell in line.split() for line in lines)
    folded = "".join(line[50:].replace("1795703884", "").strip() for line in lines)
    assert f"by{who}" in folded.replace(" ", "")
