"""Both `run_fn`s as TFX calls them, on tiny scenes."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from told import told_progress
from training_records import scene, write_scenes

from components.errors import SettingsError, TrainingError
from components.training import classifier, segmenter
from components.training.devices import predict_image
from components.training.losses import LOSSES
from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
from components.training.settings import CELL_PX

pytestmark = pytest.mark.slow

SEGMENTER = {
    "architecture": "plain",
    "batch_norm": True,
    "crop_px": 64,
    "steps": 65,
    "steps_per_epoch": 20,
    "batch_size": 4,
    "learning_rate": 0.005,
}
CLASSIFIER = {
    "architecture": "plain",
    "crop_px": 64,
    "steps": 40,
    "steps_per_epoch": 20,
    "learning_rate": 0.003,
}


@pytest.fixture
def one_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both "plain" networks become one convolution, where a test is not about what they learn."""

    def segments(_: object) -> keras.Model:
        return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 3, padding="same")])

    def classifies(_: object) -> keras.Model:
        return keras.Sequential([segments(_), keras.layers.MaxPooling2D(CELL_PX)])

    monkeypatch.setitem(SEGMENTERS, "plain", segments)
    monkeypatch.setitem(CLASSIFIERS, "plain", classifies)


def _fn_args(folder: Path, settings: dict[str, Any]) -> FnArgs:
    return FnArgs(
        train_files=write_scenes(folder / "train", [1, 2, 3, 4, 0, 0, 0, 0]),
        eval_files=write_scenes(folder / "eval", [2, 3, 0, 0], seed=1),
        serving_model_dir=str(folder / "model" / "Format-Serving"),
        model_run_dir=str(folder / "run"),
        custom_config={"settings": settings, "code_digest": "0123456789abcdef"},
    )


def _history(fn_args: FnArgs) -> list[dict[str, Any]]:
    return json.loads((Path(fn_args.serving_model_dir) / "history.json").read_text())["epochs"]


def test_segmenter_learns_an_easy_sea(tmp_path: Path) -> None:
    fn_args = _fn_args(tmp_path, SEGMENTER)
    with told_progress() as told:
        segmenter.run_fn(fn_args)

    epochs = _history(fn_args)
    assert [epoch["step"] for epoch in epochs] == [20, 40, 60, 65]
    assert epochs[-1]["loss"] < epochs[0]["loss"] / 2
    assert sum(epoch["best"] for epoch in epochs) == 1
    assert max(epoch["eval_score"] for epoch in epochs) > 0.5
    assert list((tmp_path / "run").rglob("events.out.*"))

    assert told[-1].stage == "Segmenter"
    assert told[-1].finished
    assert (told[-1].done, told[-1].total) == (65, 65)
    assert {"loss", "eval_score"} <= told[-1].figures.keys()

    # The file holds the weights of the best epoch, and any image size will do.
    network = keras.models.load_model(Path(fn_args.serving_model_dir) / "model.keras", compile=False)
    image, mask = scene(np.random.default_rng(2), ships=2, edge_px=128)
    logits = predict_image(network, image, stride_px=16)[..., 0]
    assert logits[mask > 0].mean() > logits[mask == 0].mean()


def test_classifier_learns_an_easy_sea(tmp_path: Path) -> None:
    fn_args = _fn_args(tmp_path, CLASSIFIER)
    classifier.run_fn(fn_args)
    epochs = _history(fn_args)
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert max(epoch["eval_score"] for epoch in epochs) == 1
    assert (Path(fn_args.serving_model_dir) / "model.keras").exists()


def test_encoder_thaws_after_its_frozen_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = []

    def with_small_encoder(_: object) -> keras.Model:
        image = keras.Input((None, None, 3))
        # Its first two feature maps stay as they were pretrained, so that there have to be three.
        taps = [keras.layers.Rescaling(1 / 255)(image)]
        for _ in range(3):
            taps.append(keras.layers.Conv2D(4, 3, padding="same")(taps[-1]))
        encoder = keras.Model(image, taps[1:], name="encoder")
        logits = keras.layers.Conv2D(1, 1)(encoder(image)[-1])
        networks.append((keras.Model(image, logits), encoder, np.array(encoder.weights[-2])))
        return networks[-1][0]

    monkeypatch.setitem(SEGMENTERS, "pretrained", with_small_encoder)
    settings = {"crop_px": 64, "batch_size": 2, "steps": 3, "frozen_steps": 2, "steps_per_epoch": 2}
    fn_args = _fn_args(tmp_path, settings)
    segmenter.run_fn(fn_args)
    assert [(epoch["step"], epoch["encoder"]) for epoch in _history(fn_args)] == [(2, "frozen"), (3, "tuned")]
    _, encoder, start = networks[0]
    assert encoder.trainable_weights
    # Only the third step moved the encoder, by at most Adam's rate with its warm-up.
    moved = np.abs(np.array(encoder.weights[-2]) - start).max()
    assert moved < 3e-4


def test_one_seed_trains_one_network(tmp_path: Path) -> None:
    # Large enough for the sums to be split among threads, and with the encoder tuned from the first step:
    # there trainings parted.
    settings = {"steps": 2, "frozen_steps": 0, "steps_per_epoch": 2, "eval_images": 1}
    trained = []
    for run in ("first", "second", "third"):
        fn_args = _fn_args(tmp_path / run, settings)
        segmenter.run_fn(fn_args)
        trained.append(Path(fn_args.serving_model_dir) / "model.keras")
    first, *others = (keras.models.load_model(path, compile=False).get_weights() for path in trained)
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_training_stops_when_patience_or_time_runs_out(tmp_path: Path, one_convolution: None) -> None:
    # With a rate of almost nothing no epoch is better than the first by more than noise.
    frozen = {**CLASSIFIER, "learning_rate": 1e-12, "patience": 1, "steps_per_epoch": 1}
    frozen |= dict.fromkeys(("augment_flips", "augment_rotations", "augment_colour"), False)
    fn_args = _fn_args(tmp_path / "patience", frozen)
    classifier.run_fn(fn_args)
    assert len(_history(fn_args)) < 40
    hasty = {**SEGMENTER, "max_minutes": 1e-6, "steps_per_epoch": 2}
    fn_args = _fn_args(tmp_path / "time", hasty)
    segmenter.run_fn(fn_args)
    assert [epoch["step"] for epoch in _history(fn_args)] == [2]


def test_diverged_training_leaves_no_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_convolution: None
) -> None:
    monkeypatch.setitem(LOSSES, "bce", lambda masks, logits: keras.ops.mean(logits) * np.nan)
    fn_args = _fn_args(tmp_path, {**SEGMENTER, "loss": "bce"})
    with pytest.raises(
        TrainingError, match=r"Segmenter diverged: the loss is nan at step 1; lower learning_rate"
    ):
        segmenter.run_fn(fn_args)
    assert not Path(fn_args.serving_model_dir).exists()


def test_faults_are_named_before_training(tmp_path: Path) -> None:
    fn_args = _fn_args(tmp_path, {"crop_px": 100})
    with pytest.raises(SettingsError, match="crop_px"):
        segmenter.run_fn(fn_args)
    fn_args.custom_config = {"settings": {**SEGMENTER}}
    fn_args.eval_files = write_scenes(tmp_path / "no_ships", [0])
    with pytest.raises(TrainingError, match="eval split has no image with ships"):
        segmenter.run_fn(fn_args)
    fn_args.custom_config = {"settings": {"encoder_weights": str(tmp_path / "gone.pth")}}
    with pytest.raises(TrainingError, match=r"gone\.pth"):
        classifier.run_fn(fn_args)


def test_a_new_network_needs_one_line(tmp_path: Path, one_convolution: None) -> None:
    fn_args = _fn_args(tmp_path, {**SEGMENTER, "steps": 1})
    segmenter.run_fn(fn_args)
    assert (Path(fn_args.serving_model_dir) / "model.keras").exists()
