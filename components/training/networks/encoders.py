"""Encoders by the name that settings give them, and how they are frozen. A further one plugs in here."""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from components.training.networks.applications import application
from components.training.networks.efficientnet_lite import efficientnet_lite
from components.training.settings import RANDOM, ScheduleSettings

_NAME = "encoder"
# The feature maps of strides 2 and 4 are made by layers that keep their ImageNet weights when the encoder is
# fine-tuned: edges and textures are the same everywhere, and the backward pass through the largest feature
# maps is the dearest.
_UNTUNED_TAPS = 2

# From weights ("imagenet", a path, None for random ones) to a model from RGB [N, H, W, 3] of 0-255 (H and W
# multiples of 32) to feature maps at strides 2, 4, 8, 16, 32.
ENCODERS: dict[str, Callable[[str | None], keras.Model]] = {
    **{f"efficientnet_lite{version}": partial(efficientnet_lite, version) for version in (0, 1, 2)},
    "efficientnetv2_b0": partial(application, "EfficientNetV2B0"),
    "mobilenetv3_large": partial(application, "MobileNetV3Large"),
    "resnet50v2": partial(application, "ResNet50V2"),
}


def build_encoder(settings: ScheduleSettings) -> keras.Model:
    """The encoder that settings ask for, under the name by which `set_encoder_training` finds it.

    Raises:
        InputError: the weights are neither here nor to be downloaded.
        TrainingError: the weight file is unreadable or is not of this encoder.
    """
    weights = None if settings.encoder_weights == RANDOM else settings.encoder_weights
    encoder = ENCODERS[settings.encoder](weights)
    return keras.Model(encoder.input, encoder.outputs, name=_NAME)


def set_encoder_training(model: keras.Model, tuned: bool) -> bool:
    """Freeze the encoder inside `model`, or let its layers beyond stride 4 train.

    The model must be compiled afterwards. Returns whether there is an encoder at all.
    """
    encoders = [layer for layer in model.layers if layer.name == _NAME]
    for encoder in encoders:
        encoder.trainable = True
        last_untuned = encoder.operations.index(encoder.outputs[_UNTUNED_TAPS - 1]._keras_history.operation)
        for position, layer in enumerate(encoder.operations):
            # A batch norm that may train would use the statistics of the batch: Keras passes training=True
            # down from the outer model, whatever the layer was called with.
            frozen = isinstance(layer, layers.BatchNormalization) or position <= last_untuned
            layer.trainable = tuned and not frozen
    return bool(encoders)
