"""The smoke experiment through the `ships` command."""

import csv

import pytest
from commands import call, stage_lines

from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow


def test_variants_share_what_they_have_in_common_and_push_nothing(tmp_path):
    data, root = tmp_path / "data", tmp_path / "root"
    generate(data, scenes=10, tiles_per_scene=2, seed=3)
    tables = ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    command = ["experiment", "smoke", "--images", data / "images", *tables, "--root", root]

    told = call(command)
    assert "2 of 2: segmenter alone (seed 0, split 0), about" in told
    second = stage_lines(told.split("2 of 2: ")[1])
    assert {stage for stage, state in second.items() if state == "done"} == {
        "ShipDetector", "Baseline", "ShipEvaluator",
    }  # fmt: skip
    with (root / "experiments" / "smoke" / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["done", "done"]
    for row in rows:
        assert 0 <= float(row["dice, all"]) <= 1
        assert int(row["test images"]) > 0
        assert float(row["training s"]) > 0
    assert int(rows[0]["parameters"]) > int(rows[1]["parameters"]) > 100_000
    assert not list(root.glob("models/*/*"))
    assert call(["runs", "--root", root]).count("evaluated only") == 2

    assert "2 of them done before" in call(command)
    assert len(list((root / "runs").iterdir())) == 2
