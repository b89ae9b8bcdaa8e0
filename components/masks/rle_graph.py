"""The Airbus run-length codec as TensorFlow graph code, for Transform and for the served model.

The same format as `components.masks.rle`: column-major, 1-indexed "start length start length ...", and ""
when empty.
"""

import tensorflow as tf


def decode(encoded: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Draw the union of run-length rows.

    Args:
        encoded: string [n], a row for each ship; empty strings and n = 0 draw nothing.
        height: image height in px, >= 1.
        width: image width in px, >= 1.

    Returns:
        uint8 [height, width], 1 on ships and 0 elsewhere.

    Raises:
        tf.errors.InvalidArgumentError: a value is no whole number, a row has an odd number of values, or a
            run
            is not within the image. (Rows that overlap, or are out of order, are drawn as they are.)
    """
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    rows = tf.strings.split(encoded)
    values = tf.strings.to_number(rows.values, tf.int64)
    even = tf.debugging.assert_equal(
        rows.row_lengths() % 2, tf.constant(0, tf.int64), message="odd number of values in a run-length row"
    )
    with tf.control_dependencies([even] if even is not None else []):
        starts, lengths = values[0::2] - 1, values[1::2]
    within = tf.debugging.Assert(
        tf.reduce_all((starts >= 0) & (lengths >= 1) & (lengths <= pixels - starts)),
        ["a run is not within the image of pixels:", pixels, "start, length, ...:", values],
        summarize=12,
    )
    with tf.control_dependencies([within] if within is not None else []):
        changes = tf.concat([tf.ones_like(starts, tf.int32), -tf.ones_like(starts, tf.int32)], axis=0)
        places = tf.concat([starts, starts + lengths], axis=0)
    # One place more than pixels, for runs that end with the last pixel.
    change = tf.math.unsorted_segment_sum(changes, places, pixels + 1)
    by_column = tf.reshape(tf.cumsum(change)[:-1] > 0, tf.stack([width, height]))
    return tf.cast(tf.transpose(by_column), tf.uint8)


def encode(mask: tf.Tensor) -> tf.Tensor:
    """Run-length string of a mask, in the canonical form (maximal runs in ascending order).

    Args:
        mask: [H, W] of a number type or bool; anything but 0 is ship.

    Returns:
        string scalar, "" if no pixel is ship.
    """
    by_column = tf.reshape(tf.transpose(tf.cast(mask, tf.bool)), [-1])
    # A run begins or ends wherever a pixel differs from the one before; nothing lies outside the image.
    outside = tf.constant([False])
    differs = tf.not_equal(tf.concat([outside, by_column], 0), tf.concat([by_column, outside], 0))
    bounds = tf.reshape(tf.where(differs), [-1, 2])
    starts, ends = bounds[:, 0], bounds[:, 1]
    runs = tf.stack([starts + 1, ends - starts], axis=1)
    return tf.strings.reduce_join(tf.strings.as_string(tf.reshape(runs, [-1])), separator=" ")
