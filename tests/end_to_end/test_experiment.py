"""The smoke experiment through the `ships` command."""

import csv
import subprocess
import time

import psutil
import pytest
from commands import call, ships, stage_lines

from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow


def test_variants_share_what_they_have_in_common_and_push_nothing(tmp_path):
    data, root = tmp_path / "data", tmp_path / "root"
    generate(data, scenes=10, tiles_per_scene=2, seed=3)
    tables = ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    command = ["experiment", "smoke", "--images", data / "images", *tables, "--root", root]

    _killed_in_its_first_trial(command, tmp_path / "log")
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
    assert len(list((root / "runs").iterdir())) == 3  # the killed one, and two


def _killed_in_its_first_trial(command, log):
    """Start the experiment and kill it with SIGKILL; nothing of it may live on, or the root stays in use."""
    arguments, options = ships(*command)
    # A file, not a pipe: at its next word into a broken pipe a trial would end by itself.
    with log.open("w") as told, subprocess.Popen(arguments, **options, stderr=told) as process:
        deadline = time.monotonic() + 120
        while "ShipExampleGen" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        trials = psutil.Process(process.pid).children(recursive=True)
        assert trials
        process.kill()
    _, alive = psutil.wait_procs(trials, timeout=10)
    assert not alive
