"""Precision and several devices, of which two logical CPUs stand in for two GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from training_records import write_scenes

from components.training import classifier, devices, segmenter
from components.training.devices import training_devices
from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
from components.training.settings import CELL_PX, ScheduleSettings

SETTINGS = {
    "architecture": "plain",
    "gaussian_noise": 0.0,
    "loss": "bce",
    "crop_px": 64,
    "batch_size": 4,
    "steps": 4,
    "steps_per_epoch": 2,
    "warm_up_steps": 0,
}
CLASSIFIER = {"architecture": "plain", "crop_px": 64, "batch_size": 4, "steps": 2, "steps_per_epoch": 2}


def _fn_args(folder: Path, run: str, settings: dict[str, object]) -> FnArgs:
    return FnArgs(
        train_files=[str(folder / "train" / "*.gz")],
        eval_files=[str(folder / "eval" / "*.gz")],
        serving_model_dir=str(folder / run),
        model_run_dir=str(folder / f"{run} curves"),
        custom_config={"settings": settings},
    )


def _network(folder: Path, run: str) -> keras.Model:
    return keras.models.load_model(folder / run / "model.keras")


def _small_networks(patch: pytest.MonkeyPatch) -> None:
    """Two convolutions, which suffice for what is tested here."""

    def segments(_: object) -> keras.Model:
        hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu")
        scaled = keras.layers.Rescaling(1 / 255)
        logits = keras.layers.Conv2D(1, 3, padding="same", dtype="float32")
        return keras.Sequential([keras.Input((None, None, 3)), scaled, hidden, logits])

    def classifies(_: object) -> keras.Model:
        return keras.Sequential([segments(_), keras.layers.MaxPooling2D(CELL_PX, dtype="float32")])

    patch.setitem(SEGMENTERS, "plain", segments)
    patch.setitem(CLASSIFIERS, "plain", classifies)


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process."""
    _small_networks(monkeypatch)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "train", [1, 2, 3, 4, 0, 0, 0, 0])
    write_scenes(tmp_path / "eval", [2, 3, 0, 0], seed=1)
    return tmp_path


def test_auto_is_single_precision_without_a_gpu() -> None:
    with training_devices("Segmenter", ScheduleSettings()):
        assert keras.layers.Dense(1).compute_dtype == "float32"


def test_precision_holds_within_and_no_longer() -> None:
    with training_devices("Segmenter", ScheduleSettings(precision="mixed_bfloat16")):
        dense = keras.layers.Dense(1)
        assert (dense.compute_dtype, dense.variable_dtype) == ("bfloat16", "float32")
    assert keras.layers.Dense(1).compute_dtype == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_network_trained_in_half_precision_is_saved_in_single(precision: str, scenes: Path) -> None:
    segmenter.run_fn(_fn_args(scenes, "half", SETTINGS | {"precision": precision}))
    segmenter.run_fn(_fn_args(scenes, "single", SETTINGS))
    half, single = _network(scenes, "half"), _network(scenes, "single")
    assert {layer.compute_dtype for layer in half.layers} == {"float32"}
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(half(image), single(image), atol=0.1)
    # Had the setting no effect, they would be equal.
    assert not np.array_equal(half(image), single(image))


MIRRORED = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from test_devices import train_mirrored
train_mirrored(sys.argv[1])
"""


def train_mirrored(folder: str) -> None:
    """Both trainers on two devices."""
    with pytest.MonkeyPatch.context() as patch:
        _small_networks(patch)
        patch.setattr(devices, "accelerators", lambda: ["CPU:0", "CPU:1"])
        segmenter.run_fn(_fn_args(Path(folder), "mirrored", SETTINGS))
        classifier.run_fn(_fn_args(Path(folder), "mirrored classifier", CLASSIFIER))


@pytest.mark.slow
def test_two_devices_share_each_batch_and_reach_what_one_does(scenes: Path) -> None:
    segmenter.run_fn(_fn_args(scenes, "alone", SETTINGS))
    classifier.run_fn(_fn_args(scenes, "alone classifier", CLASSIFIER))
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", MIRRORED, str(scenes)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True)
    alone, mirrored = (_network(scenes, run).get_weights() for run in ("alone", "mirrored"))
    for one, other in zip(alone, mirrored, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    losses = [
        [epoch["loss"] for epoch in json.loads((scenes / run / "history.json").read_text())["epochs"]]
        for run in ("alone", "mirrored")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=0.01)
    of_one, of_two = (
        json.loads((scenes / run / "history.json").read_text())["epochs"][-1]
        for run in ("alone classifier", "mirrored classifier")
    )
    assert of_two["eval_loss"] == pytest.approx(of_one["eval_loss"], abs=0.01)
