"""Whole-image classifiers: is there any ship."""

from typing import Any

import keras
from keras import layers

from components.training.networks.unet import conv, plain_encoder

_FINE_FILTERS, _COARSE_FILTERS = 64, 128
_DROPOUT = 0.2


def plain_presence() -> keras.Model:
    """Classifier on the contracting path of the plain U-Net.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 (H and W multiples of 16) to logits [N, 1].
    """
    image = keras.Input((None, None, 3), name="image")
    bottom, skips = plain_encoder(image)
    return keras.Model(image, _presence([skips[-1], bottom]), name="plain_presence")


def pretrained_presence(encoder: keras.Model) -> keras.Model:
    """Classifier on a pretrained encoder.

    Args:
        encoder: of `encoders.build_encoder`.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 (H and W multiples of 32) to logits [N, 1].
    """
    image = keras.Input((None, None, 3), name="image")
    feature_maps = encoder(image)
    return keras.Model(image, _presence(feature_maps[-2:]), name="pretrained_presence")


def _presence(feature_maps: list[Any]) -> Any:
    """Logit from the maximum and the mean of 1x1-convolved feature maps, the finer one first.

    The maximum lets one small ship in a wide image fire, where the mean alone would drown it; the mean
    carries what the scene is. The finer map keeps ships that the coarsest has blurred.
    """
    pooled = []
    for x, filters in zip(feature_maps, (_FINE_FILTERS, _COARSE_FILTERS), strict=True):
        evidence = conv(x, filters, 1, batch_norm=False)
        pooled += [layers.GlobalMaxPooling2D()(evidence), layers.GlobalAveragePooling2D()(evidence)]
    x = layers.Dropout(_DROPOUT)(layers.Concatenate()(pooled))
    return layers.Dense(1, dtype="float32", name="presence_logit")(x)
