"""The plain U-Net that the project began from (Ronneberger et al. 2015, arXiv:1505.04597, fewer filters)."""

from typing import Any

import keras
import numpy as np
from keras import layers

from components.training.networks.batch_norm import BatchNormalization

BLOCK_FILTERS = (8, 16, 32, 64)
BOTTOM_FILTERS = 128
# Ships are rare pixels: starting every pixel near sigmoid(-3) = 0.05 instead of 0.5 spares the first steps
# (the prior of arXiv:1708.02002, section 3.3).
OUTPUT_BIAS = -3.0


@keras.saving.register_keras_serializable("ships")
class Enlarged(layers.UpSampling2D):
    """As Keras', for maps [N, h, w, C] of any size also inside a TensorFlow graph.

    Keras' bilinear one (3.15) compares the size with 0 in Python there. A mean over repeated pixels is the
    same, but took 0.7 s a training step (8 maps of 256 px, factor 3), this 0.04.
    """

    def call(self, inputs: Any) -> Any:
        """Enlarge by the layer's factor."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        import tensorflow as tf  # noqa: PLC0415 - other backends do without

        return tf.image.resize(inputs, tf.shape(inputs)[1:3] * self.size, self.interpolation)


def plain_unet(input_pooling: int = 1, gaussian_noise: float = 0.1, batch_norm: bool = False) -> keras.Model:
    """U-Net of 4 blocks x 2 convolutions, 8-64 filters and 128 at the bottom.

    Args:
        input_pooling: the input is average-pooled by this factor and the logits are scaled back up.
        gaussian_noise: standard deviation of the noise added to the 0-1 scaled input while training.
        batch_norm: whether each convolution is batch-normalised (the report's are not).

    Returns:
        Model from RGB [N, H, W, 3] of 0-255 to logits [N, H, W, 1]; H and W must be multiples of
        16 x input_pooling.
    """
    image = keras.Input((None, None, 3), name="image")
    x, skips = plain_encoder(image, input_pooling, gaussian_noise, batch_norm)
    for filters, skip in zip(reversed(BLOCK_FILTERS), reversed(skips), strict=True):
        x = layers.Concatenate()([layers.UpSampling2D(2)(x), skip])
        x = double_conv(x, filters, batch_norm)
    x = ship_logits(x)
    if input_pooling > 1:
        x = Enlarged(input_pooling, interpolation="bilinear")(x)
    return keras.Model(image, x, name="plain_unet")


def plain_encoder(
    image: Any, input_pooling: int = 1, gaussian_noise: float = 0.1, batch_norm: bool = False
) -> tuple[Any, list[Any]]:
    """Contracting path of the plain U-Net: its bottom feature map (stride 16), the skips of strides 1-8."""
    x = layers.Rescaling(1 / 255)(image)
    if input_pooling > 1:
        x = layers.AveragePooling2D(input_pooling)(x)
    if gaussian_noise:
        x = layers.GaussianNoise(gaussian_noise)(x)
    skips = []
    for filters in BLOCK_FILTERS:
        x = double_conv(x, filters, batch_norm)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    return double_conv(x, BOTTOM_FILTERS, batch_norm), skips


def double_conv(x: Any, filters: int, batch_norm: bool) -> Any:
    """Two 3x3 convolutions with ReLU."""
    for _ in range(2):
        x = conv(x, filters, 3, batch_norm)
    return x


def conv(x: Any, filters: int, kernel: int, batch_norm: bool) -> Any:
    """Convolution, optional batch normalisation, ReLU."""
    x = layers.Conv2D(
        filters, kernel, padding="same", use_bias=not batch_norm, kernel_initializer="he_normal"
    )(x)
    if batch_norm:
        # A momentum for runs of hundreds of steps; Keras' 0.99 would still remember the start.
        x = BatchNormalization(momentum=0.95)(x)
    return layers.ReLU()(x)


def ship_logits(x: Any) -> Any:
    """1x1 convolution to one logit a pixel (or cell), in float32 also under mixed precision.

    Half of its weights start positive, half negative. What it weighs comes out of a ReLU: with all weights of
    the eight finest features negative, as one draw in 256 would have them, no logit can rise above the bias,
    and training ended without a ship; with one or two positive ones it took long.
    """
    bias = keras.initializers.Constant(OUTPUT_BIAS)
    layer = layers.Conv2D(1, 1, bias_initializer=bias, dtype="float32", name="ship_logits")
    logits = layer(x)
    drawn = np.abs(keras.ops.convert_to_numpy(layer.kernel))
    signs = np.where(np.arange(drawn.size) % 2, -1, 1).reshape(drawn.shape)
    layer.kernel.assign(drawn * signs)
    return logits
