"""The `ships` command as a process, and what it tells."""

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Few steps of small networks: what is tested is the way of the data, not what is learned.
QUICK = {
    "classifier.architecture": "plain",
    "classifier.crop_px": 64,
    "classifier.steps": 4,
    "classifier.steps_per_epoch": 2,
    "classifier.frozen_steps": 0,
    "segmenter.architecture": "plain",
    "segmenter.batch_norm": "true",
    "segmenter.crop_px": 64,
    "segmenter.steps": 4,
    "segmenter.steps_per_epoch": 2,
    "segmenter.eval_images": 2,
    "segmenter.frozen_steps": 0,
    "infra_validation.images": 2,
    "evaluation.rules": "[{metric: dice, slice: {has_ship: 1}, min: 0.0, max_drop: 1.0}]",
}


def run_arguments(data, root, settings=QUICK, **changes):
    """`ships run` on a generated data set with such settings, some of them changed."""
    overrides = [f"--set={key}={value}" for key, value in {**settings, **changes}.items()]
    tables = ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    return ["run", "--images", data / "images", *tables, "--root", root, *overrides]


def ships(*arguments, code=REPOSITORY):
    """The `ships` command of a checkout, as a process."""
    return [sys.executable, "-c", "from pipeline.cli import main; main()", *map(str, arguments)], {
        "cwd": code,
        "env": {**os.environ, "PYTHONPATH": str(code), "COLUMNS": "160"},
    }


def call(arguments, code=REPOSITORY, expected=0):
    """What the command printed; fails unless it ended with the expected exit code."""
    command, options = ships(*arguments, code=code)
    result = subprocess.run(command, **options, capture_output=True, text=True, timeout=900, check=False)
    assert result.returncode == expected, result.stdout + result.stderr
    return result.stdout + result.stderr


def stage_lines(output):
    """Stage name -> "done" or "cached", of the stages that ended."""
    found = re.findall(r"([✓=]) +\d+/\d+ (\w+)", output)
    return {stage: {"✓": "done", "=": "cached"}[mark] for mark, stage in found}
