"""A mask taken apart into ships as TensorFlow graph code, for the served model.

The same ships as `components.masks.instances`: pixels that touch, corners included, are one.
"""

from typing import NamedTuple

import tensorflow as tf

# Rows and columns from a pixel to its eight neighbours.
_NEIGHBOURS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


class Ships(NamedTuple):
    """The ship pixels of a mask and which ship each belongs to.

    Attributes:
        pixels: int64 [n, 2], row and column of each ship pixel, row by row.
        ship: int32 [n], number of its ship, 0 to count - 1.
        count: int32 scalar, how many ships there are.
    """

    pixels: tf.Tensor
    ship: tf.Tensor
    count: tf.Tensor


def ships(mask: tf.Tensor) -> Ships:
    """The 8-connected components of a mask.

    Every pixel begins as its own root. In each round the root of a pixel is hooked to the least root among
    its neighbours, and paths are halved (Shiloach and Vishkin, "An O(log n) parallel connectivity algorithm",
    Journal of Algorithms 3, 1982). Only ship pixels are looked at, of which there are few.

    Args:
        mask: [H, W] of a number type or bool; anything but 0 is ship.
    """
    pixels = tf.where(tf.cast(mask, tf.bool))
    count = tf.shape(pixels)[0]
    # From places to positions in `pixels`, with a margin so that every pixel has eight neighbours.
    shape = tf.shape(mask, tf.int64) + 2
    position = tf.tensor_scatter_nd_update(tf.fill(shape, -1), pixels + 1, tf.range(count))
    # A neighbour that is no ship is replaced by the pixel itself.
    neighbours = []
    for step in _NEIGHBOURS:
        there = tf.gather_nd(position, pixels + 1 + tf.constant(step, tf.int64))
        neighbours.append(tf.where(there < 0, tf.range(count), there))

    def hook(roots: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        least = roots
        for neighbour in neighbours:
            least = tf.minimum(least, tf.gather(roots, neighbour))
        hooked = tf.minimum(tf.tensor_scatter_nd_min(roots, roots[:, tf.newaxis], least), least)
        for _halving in range(2):
            hooked = tf.gather(hooked, hooked)
        return hooked, tf.reduce_any(hooked != roots)

    roots, _ = tf.while_loop(
        lambda _, changed: changed,
        hook,
        (tf.range(count), tf.constant(True)),
        shape_invariants=(tf.TensorShape([None]), tf.TensorShape([])),
    )
    unique, ship = tf.unique(roots)
    return Ships(pixels, ship, tf.size(unique))
