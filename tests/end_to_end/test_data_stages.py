"""The data stages alone: what a person looks at, overrules, and is stopped by."""

import csv

import pytest
from commands import call, stage_lines

from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    generate(folder, scenes=8, tiles_per_scene=3, seed=5)
    return folder


def _stats(data, root, *settings):
    tables = ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    overrides = [f"--set={setting}" for setting in settings]
    return ["stats", "--images", data / "images", *tables, "--root", root, *overrides]


def _flagged(root):
    *_, newest = sorted(root.glob("artifacts/ImageScreener/quarantine/*/quarantine.csv"), key=_execution)
    with newest.open(encoding="utf-8", newline="") as file:
        return {row["image_id"]: row["outcome"] for row in csv.DictReader(file)}


def _execution(path):
    return int(path.parent.name)


def test_a_person_looks_overrules_and_the_next_run_honours_it(data, tmp_path):
    output = call(_stats(data, tmp_path))
    assert set(stage_lines(output).values()) == {"done"}
    (page,) = tmp_path.glob("artifacts/DataReport/report/*/data_report.html")
    assert str(page) in output
    assert " data only " in call(["runs", "--root", tmp_path])

    with (data / "faults.csv").open(encoding="utf-8", newline="") as file:
        image_of = {row["Fault"]: row["ImageId"] for row in csv.DictReader(file)}
    small, truncated = image_of["wrong_size"], image_of["truncated"]
    assert small in call(["quarantine", "list", "--root", tmp_path, "--about", "height"])
    fine = min(path.name for path in (data / "images").iterdir() if path.name not in _flagged(tmp_path))
    told = call(["quarantine", "restore", truncated, "--root", tmp_path], expected=2)
    assert "cannot be restored: decode_ok" in told
    call(["quarantine", "restore", small, "--root", tmp_path, "--note", "a crop is fine"])
    call(["quarantine", "drop", fine, "--root", tmp_path])

    stages = stage_lines(call(_stats(data, tmp_path)))
    assert {stage for stage, state in stages.items() if state == "done"} == {
        "ImageScreener", "DataReport", "DataGate",
    }  # fmt: skip
    flagged = _flagged(tmp_path)
    assert (flagged[small], flagged[fine]) == ("restored", "dropped")


def test_too_many_quarantined_images_stop_the_run_with_numbers_and_a_page(data, tmp_path):
    told = call(_stats(data, tmp_path, "acceptance.max_quarantined=0.01"), expected=1)
    (page,) = tmp_path.glob("artifacts/DataReport/report/*/data_report.html")
    assert "quarantined images:" in told
    assert "at most 1%" in told
    assert str(page) in told
    assert "Traceback" not in told
