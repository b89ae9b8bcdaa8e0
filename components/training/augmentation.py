"""Random changes of training images that leave ships ships. Stateless: one seed pair gives one change."""

import tensorflow as tf

# Of 255; about what haze, sun angle and sensors change between scenes of one place.
_BRIGHTNESS_SHIFT = 25.0
_CONTRAST_SPREAD = 0.25
_CHANNEL_SPREAD = 0.08


def turn(image: tf.Tensor, seed: tf.Tensor, flips: bool = True, rotations: bool = True) -> tf.Tensor:
    """One of the eight turns and flips of a square, each that is allowed as likely as the others.

    Args:
        image: [S, S, C] of any type.
        seed: int64 [2].
        flips: allow mirror images.
        rotations: allow quarter turns. Flips alone are those along and across, and both at once.
    """
    transpose, upside_down, mirror = tf.unstack(tf.random.stateless_uniform([3], seed, 0, 2, tf.int32) > 0)
    if not rotations:
        transpose = tf.constant(False)
    if not flips:
        # Each of the three is a reflection; an even number of them is a turn.
        mirror = tf.math.logical_xor(transpose, upside_down)
        if not rotations:
            return image
    image = tf.cond(transpose, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)
    return tf.cond(mirror, lambda: tf.reverse(image, [1]), lambda: image)


def recolour(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Change brightness, contrast and colour balance of each image by its own random amount.

    Args:
        images: float32 [N, H, W, 3] of 0-255.
        seed: int64 [2].

    Returns:
        float32 [N, H, W, 3], clipped to 0-255.
    """
    count, height, width, channels = tf.unstack(tf.shape(images))
    # Uniform numbers in -1..1 for each image: shift, contrast, three channels.
    amounts = tf.random.stateless_uniform([count, 1, 1, 5], seed, -1.0, 1.0)
    gains = (1 + _CHANNEL_SPREAD * amounts[..., 2:]) * (1 + _CONTRAST_SPREAD * amounts[..., 1:2])
    means = tf.reduce_mean(images, [1, 2], keepdims=True)
    offsets = means * (1 - gains) + _BRIGHTNESS_SHIFT * amounts[..., :1]

    # Row by row: what is repeated over pixels of three channels takes TensorFlow twice as long.
    def along_row(values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.tile(values, [1, 1, width, 1]), [count, 1, width * channels])

    rows = tf.reshape(images, [count, height, width * channels])
    recoloured = tf.clip_by_value(rows * along_row(gains) + along_row(offsets), 0.0, 255.0)
    return tf.ensure_shape(tf.reshape(recoloured, tf.shape(images)), images.shape)
