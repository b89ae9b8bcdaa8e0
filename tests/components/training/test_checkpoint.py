"""Trainings that are killed and go on."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from training_records import write_scenes

from components.training import segmenter
from components.training.checkpoint import Checkpoint, State

STATE = State({"step": 7, "best": [float("-inf"), 0.5]}, {"weights": [np.arange(3), np.eye(2)]})


def test_state_comes_back_and_replaces_that_of_another_training(tmp_path: Path) -> None:
    folder = str(tmp_path / "checkpoints")
    first, second = Checkpoint(folder, "Segmenter", {"seed": 0}), Checkpoint(folder, "Segmenter", {"seed": 1})
    other_stage = Checkpoint(folder, "Classifier", {"seed": 0})
    assert first.load() is None
    first.save(STATE)
    other_stage.save(STATE)
    loaded = first.load()
    assert loaded is not None
    assert loaded.progress == STATE.progress
    for array, expected in zip(loaded.arrays["weights"], STATE.arrays["weights"], strict=True):
        np.testing.assert_array_equal(array, expected)
    assert second.load() is None
    second.save(STATE)
    assert first.load() is None
    other_stage.remove()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [Path(second.path).name]


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_cut_off_file_counts_as_none(kept: int, tmp_path: Path) -> None:
    checkpoint = Checkpoint(str(tmp_path), "Segmenter", 0)
    checkpoint.save(STATE)
    path = Path(checkpoint.path)
    path.write_bytes(path.read_bytes()[:kept])
    assert checkpoint.load() is None


SETTINGS = {
    "architecture": "plain",
    "gaussian_noise": 0.0,
    "crop_px": 64,
    "batch_size": 2,
    "steps_per_epoch": 2,
    "warm_up_steps": 0,
    "weight_averaging": 0.9,
    "cache_mb": 100,
}
TRAIN = "import sys, json; from test_checkpoint import train; train(*json.loads(sys.argv[1]))"


def train(folder: str, steps: int, run: str) -> None:
    """One execution of the trainer on the scenes in `folder`; what it leaves is in `folder/run`."""
    segmenter.run_fn(_fn_args(Path(folder), steps, run))


def _fn_args(folder: Path, steps: int, run: str) -> FnArgs:
    return FnArgs(
        train_files=[str(folder / "train" / "*.gz")],
        eval_files=[str(folder / "eval" / "*.gz")],
        serving_model_dir=str(folder / run / "model"),
        model_run_dir=str(folder / run / "curves"),
        custom_config={
            "settings": SETTINGS | {"steps": steps},
            "code_digest": "0",
            "checkpoints": str(folder / run / "checkpoints"),
        },
    )


def _history(folder: Path, run: str) -> list[dict[str, Any]]:
    """What each epoch reached, without the time that it took."""
    history: dict[str, Any] = json.loads((folder / run / "model" / "history.json").read_text())
    names = ("step", "best", "eval_score", "loss")
    return [{name: round(epoch[name], 4) for name in names} for epoch in history["epochs"]]


@pytest.mark.slow
def test_a_killed_training_ends_as_if_it_had_not_been_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_scenes(tmp_path / "train", [1, 2, 3, 4])
    write_scenes(tmp_path / "eval", [2, 3], seed=1)
    steps = 40
    command = [sys.executable, "-c", TRAIN, json.dumps([str(tmp_path), steps, "killed"])]
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
    checkpoint = Checkpoint(str(tmp_path / "killed" / "checkpoints"), "Segmenter", 0)
    deadline = time.monotonic() + 120
    while not (files := list(Path(checkpoint.path).parent.glob("Segmenter-*.npz"))):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with np.load(files[0]) as state:
        reached = json.loads(str(state["progress"]))["step"]
    assert 0 < reached < steps
    assert not (tmp_path / "killed" / "model").exists()

    with caplog.at_level(logging.INFO, "ships.training"):
        train(str(tmp_path), steps, "killed")
    assert f"Segmenter goes on from step {reached}" in caplog.text
    assert not list(Path(checkpoint.path).parent.iterdir())
    train(str(tmp_path), steps, "whole")
    assert _history(tmp_path, "killed") == _history(tmp_path, "whole")
    killed, whole = (
        keras.models.load_model(tmp_path / run / "model" / "model.keras").get_weights()
        for run in ("killed", "whole")
    )
    for resumed, expected in zip(killed, whole, strict=True):
        np.testing.assert_allclose(resumed, expected, atol=1e-5)
