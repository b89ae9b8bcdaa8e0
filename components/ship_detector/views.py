"""The eight ways to lay down a satellite image, for test-time augmentation, as graph code.

From above, ships have no upright: a turned or mirrored image is as good a view, and the mean over views is
steadier than one of them.
"""

import tensorflow as tf


def to_view(image: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
    """Turn an image.

    Args:
        image: [H, W, C] of any type.
        view: int32 scalar; 0-3 quarter turns anticlockwise, 4-7 the same of the mirror image.

    Returns:
        [H, W, C], or [W, H, C] for odd numbers of quarter turns.
    """
    mirrored = tf.cond(view >= 4, lambda: tf.reverse(image, [1]), lambda: image)
    turned = tf.image.rot90(mirrored, view % 4)
    turned.set_shape([None, None, image.shape[-1]])
    return turned


def from_view(image: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
    """Turn an image that `to_view` turned back upright.

    Args:
        image: [H, W, C] of any type, as `to_view` laid it down.
        view: int32 scalar, the same as then.

    Returns:
        The image as it was.
    """
    upright = tf.image.rot90(image, (4 - view % 4) % 4)
    upright.set_shape([None, None, image.shape[-1]])
    return tf.cond(view >= 4, lambda: tf.reverse(upright, [1]), lambda: upright)
