"""U-Net on a pretrained encoder."""

import keras
from keras import layers

from components.training.networks.unet import conv, ship_logits

# Filters of the decoder at strides 16, 8, 4, 2, 1; skips add half as many, the pixels themselves as many.
# Nearly as many multiplications as the encoder; most of them are at the finest two levels.
_DECODER_FILTERS = (96, 64, 32, 16, 8)


def pretrained_unet(encoder: keras.Model) -> keras.Model:
    """U-Net with the feature maps of an encoder as skips and logits at native resolution.

    Args:
        encoder: of `encoders.build_encoder`.

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 to logits [N, H, W, 1]; H and W must be multiples of 32.
    """
    image = keras.Input((None, None, 3), name="image")
    *maps, x = encoder(image)
    # The encoder halves its input at once: where exactly a ship ends only the pixels themselves tell.
    pixels = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    finest = conv(pixels, _DECODER_FILTERS[-1], 3, batch_norm=True)
    # 1x1 projections: the wide encoder maps would make the 3x3 convolutions dearer than the whole encoder.
    x = conv(x, _DECODER_FILTERS[0], 1, batch_norm=True)
    skips = [
        conv(skip, filters // 2, 1, batch_norm=True)
        for filters, skip in zip(_DECODER_FILTERS[:-1], reversed(maps), strict=True)
    ]
    for filters, skip in zip(_DECODER_FILTERS, [*skips, finest], strict=True):
        x = conv(layers.Concatenate()([layers.UpSampling2D(2)(x), skip]), filters, 3, batch_norm=True)
    return keras.Model(image, ship_logits(x), name="pretrained_unet")
