"""Mirrored image borders for any image size, as graph code."""

import tensorflow as tf


def mirrored_indices(length: int | tf.Tensor, padded_length: int | tf.Tensor) -> tf.Tensor:
    """Source indices that continue an axis by mirroring it at its last sample, which is not repeated.

    That is OpenCV's BORDER_REFLECT_101 (gfedcb|abcdefgh|gfedcba) on one side. Unlike tf.pad it works when the
    border is longer than the axis: the mirroring goes on back and forth.

    Args:
        length: samples of the axis, >= 1.
        padded_length: samples wanted, >= length.

    Returns:
        int32 [padded_length], each in 0 .. length - 1.
    """
    period = tf.maximum(2 * (length - 1), 1)
    position = tf.range(padded_length) % period
    return tf.minimum(position, 2 * (length - 1) - position)


def pad_mirrored(image: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Grow an image at its bottom and right edges by mirroring.

    Args:
        image: [H, W] or [H, W, C] of any type, H and W >= 1.
        height: rows wanted, >= H.
        width: columns wanted, >= W.

    Returns:
        [height, width] or [height, width, C] of the same type.
    """
    shape = tf.shape(image)
    rows = tf.gather(image, mirrored_indices(shape[0], height), axis=0)
    return tf.gather(rows, mirrored_indices(shape[1], width), axis=1)
