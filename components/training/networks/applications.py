"""Encoders of `keras.applications`, cut into feature maps."""

import re
import warnings
from pathlib import Path
from typing import Any

import keras
from keras import layers

from components.errors import InputError, TrainingError
from components.training.settings import IMAGENET

_STRIDES = (2, 4, 8, 16, 32)
_PROBE_PX = 256
# Those that scale 0-255 pixels themselves, if asked; the others get what their training had.
_SCALES_ITSELF = ("EfficientNetV2B0", "MobileNetV3Large")


def application(name: str, weights: str | None = IMAGENET) -> keras.Model:
    """A network of `keras.applications` for any image size that is a multiple of 32.

    Args:
        name: of the function there, e.g. "ResNet50V2".
        weights: "imagenet" for Keras' own, from its cache or by download; path of an `.h5` file of the
            network without top; None for random weights.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 to its last feature maps of the strides 2, 4, 8, 16, 32.

    Raises:
        InputError: the weights cannot be downloaded, or there is no such file.
        TrainingError: the file is not of this network.
    """
    image = keras.Input((None, None, 3), name="image")
    if name in _SCALES_ITSELF:
        pixels, options = image, {"include_preprocessing": True}
    else:
        pixels, options = layers.Rescaling(1 / 127.5, offset=-1, name="imagenet_scale")(image), {}
    build = getattr(keras.applications, name)
    if weights is not None and weights != IMAGENET and not Path(weights).is_file():
        raise InputError(f"encoder_weights: there is no file {weights}")
    try:
        with warnings.catch_warnings():
            # Keras goes on with random weights where a file of its newer format lacks a layer.
            warnings.filterwarnings("error", ".*no matching group found")
            # That the size is open, which it says of MobileNet.
            warnings.filterwarnings("ignore", "`input_shape` is undefined")
            network = build(include_top=False, weights=weights, input_tensor=pixels, **options)
    except Exception as error:
        # Keras raises a plain Exception for a download that was refused, and lets through a broken one.
        if weights == IMAGENET and (type(error) is Exception or isinstance(error, OSError)):
            raise _not_downloaded(name, error) from error
        if not isinstance(error, ValueError | OSError | KeyError | UserWarning):
            raise
        raise TrainingError(
            f"encoder_weights: {weights} does not fit {name}: {_first_line(error)}"
        ) from error
    return keras.Model(image, _taps(network), name=name.lower())


def _taps(network: keras.Model) -> list[Any]:
    """The last output at each stride: what the block that halves it next has made of it."""
    outputs = [layer.output for layer in network.layers if _is_map(layer)]
    probe = keras.Model(network.inputs, outputs).compute_output_shape((1, _PROBE_PX, _PROBE_PX, 3))
    last = {shape[1]: output for shape, output in zip(probe, outputs, strict=True)}
    return [last[_PROBE_PX // stride] for stride in _STRIDES]


def _is_map(layer: Any) -> bool:
    return not isinstance(layer, layers.InputLayer) and len(layer.output.shape) == 4


def _not_downloaded(name: str, error: Exception) -> InputError:
    told = str(error)
    address = re.search(r"https?://[^\s:]+", told)
    where = f"download {address[0]}" if address else f"download the ImageNet weights of {name} without top"
    return InputError(
        f"encoder_weights: the ImageNet weights of {name} are not on this machine and could not be "
        f"downloaded ({_first_line(error)}). On a machine with network, {where}, and give its path here by "
        "--set segmenter.encoder_weights=PATH (or classifier.encoder_weights=PATH); or set "
        "encoder=efficientnet_lite0, whose weights are installed."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
