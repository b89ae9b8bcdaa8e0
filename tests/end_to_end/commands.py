"""The `ships` command as a process, and what it tells."""

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


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
