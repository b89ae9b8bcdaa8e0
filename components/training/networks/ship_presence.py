"""Classifiers: is there any ship, told by the likeliest cell of the image."""

from typing import Any

import keras
from keras import layers

from components.training.networks.unet import conv, plain_encoder, ship_logits

_FILTERS = 64
_DROPOUT = 0.2


def plain_presence() -> keras.Model:
    """Classifier on the contracting path of the plain U-Net.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 (H and W multiples of 16) to logits of
        the cells [N, H / 16, W / 16, 1].
    """
    image = keras.Input((None, None, 3), name="image")
    bottom, _ = plain_encoder(image, batch_norm=True)
    return keras.Model(image, _cells(bottom), name="plain_presence")


def pretrained_presence(encoder: keras.Model) -> keras.Model:
    """Classifier on a pretrained encoder.

    Args:
        encoder: of `encoders.build_encoder`.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 (H and W multiples of 32) to logits of
        the cells [N, H / 16, W / 16, 1].
    """
    image = keras.Input((None, None, 3), name="image")
    *_, fine, coarse = encoder(image)
    # What is around a cell tells quays and surf from ships.
    around = layers.UpSampling2D(2)(conv(coarse, _FILTERS, 1, batch_norm=True))
    evidence = layers.Concatenate()([conv(fine, _FILTERS, 1, batch_norm=True), around])
    return keras.Model(image, _cells(evidence), name="pretrained_presence")


def _cells(evidence: Any) -> Any:
    x = conv(layers.Dropout(_DROPOUT)(evidence), _FILTERS, 3, batch_norm=True)
    return ship_logits(x)
