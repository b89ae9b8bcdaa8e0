"""The one way from image bytes to pixels, for training and for serving."""

import tensorflow as tf


def decode_rgb(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG, PNG, GIF (first frame) or BMP as graph code.

    Args:
        image_bytes: string scalar. Gray images get three equal channels, an alpha channel is dropped, and
            16-bit PNGs are brought to 8 bits.

    Returns:
        uint8 [H, W, 3], 0-255, with H and W unknown to the graph.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such image, or are cut off.
    """
    image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    # decode_image leaves even the rank unknown, since it could have been an animation.
    image.set_shape([None, None, 3])
    return image
