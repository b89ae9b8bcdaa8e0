"""Contrast adjustment of one image as TensorFlow graph code, the same in Transform and in the served model.

Every operation takes and gives uint8 RGB [H, W, 3] of any size, 0-255, and runs no Python per image.
`equalize` and `clahe` work on luma, so that hues stay. OpenCV does that by converting to YCrCb, replacing Y
and converting back; there R = Y + 1.403 (Cr - 128) and Cr - 128 = 0.713 (R - Y), so a new luma Y' moves each
of R, G, B by Y' - Y. Adding that difference directly saves the rounding of Cr and Cb to 8 bits: the results
differ from OpenCV's by that rounding alone (at most 2 gray levels), and a pixel whose luma stays, stays.
"""

import tensorflow as tf

from components.transform.clahe import clahe_luma
from components.transform.settings import ContrastSettings

GRAY_LEVELS = 256


def apply_contrast(image: tf.Tensor, settings: ContrastSettings) -> tf.Tensor:
    """Adjust an image's contrast by the method that the settings name.

    Args:
        image: uint8 [H, W, 3] RGB, H and W >= 1.
        settings: the method and its parameters, fixed when the graph is built.

    Returns:
        uint8 [H, W, 3] RGB; the same tensor for method "none".
    """
    match settings.method:
        case "none":
            return image
        case "equalize":
            return equalize(image)
        case "stretch":
            return stretch(image, settings.low_percentile, settings.high_percentile)
        case "clahe":
            return clahe(image, settings.clip_limit, settings.grid)


def luma(image: tf.Tensor) -> tf.Tensor:
    """Luma of an RGB image, bit for bit as OpenCV's 8-bit COLOR_RGB2YCrCb (Y = .299 R + .587 G + .114 B).

    Args:
        image: uint8 [H, W, 3] RGB.

    Returns:
        int32 [H, W], 0-255.
    """
    red, green, blue = tf.unstack(tf.cast(image, tf.int32), axis=-1)
    # OpenCV's fixed-point weights: the BT.601 weights times 2^14, then rounded (modules/imgproc/color_yuv).
    weighted = 4899 * red + 9617 * green + 1868 * blue
    return tf.bitwise.right_shift(weighted + 8192, 14)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Spread the luma histogram evenly over 0-255 (cv2.equalizeHist on luma), keeping colours.

    The darkest luma present becomes 0; a level v becomes 255 (C(v) - n0) / (n - n0), rounded half to even,
    where C counts pixels up to v, n all pixels and n0 those of the darkest level. An image of one luma stays
    as it is.

    Args:
        image: uint8 [H, W, 3] RGB.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    luminance = luma(image)
    histogram = _histogram(luminance)
    counted = tf.cumsum(histogram)
    pixels = counted[-1]
    darkest = tf.boolean_mask(histogram, histogram > 0)[0]
    # cv2 multiplies in float32 by 255 / (n - n0); the same order of operations gives the same rounding.
    scale = tf.constant(255.0) / tf.cast(tf.maximum(pixels - darkest, 1), tf.float32)
    spread = tf.cast(tf.round(tf.cast(tf.maximum(counted - darkest, 0), tf.float32) * scale), tf.int32)
    levels = tf.range(GRAY_LEVELS)
    table = tf.where(tf.equal(darkest, pixels), levels, spread)
    return _shift_luma(image, tf.gather(table - levels, luminance))


def clahe(image: tf.Tensor, clip_limit: float, grid: int) -> tf.Tensor:
    """Contrast-limited adaptive histogram equalization of luma (cv2.createCLAHE), keeping colours.

    Args:
        image: uint8 [H, W, 3] RGB.
        clip_limit: histogram bins are cut at this many times the mean bin (> 0; cv2's clipLimit).
        grid: tiles along each edge (cv2's tileGridSize).

    Returns:
        uint8 [H, W, 3] RGB.
    """
    luminance = luma(image)
    return _shift_luma(image, clahe_luma(luminance, clip_limit, grid) - luminance)


def stretch(image: tf.Tensor, low_percentile: float, high_percentile: float) -> tf.Tensor:
    """Stretch the gray levels between two percentiles linearly over 0-255, cutting what lies outside.

    As skimage.exposure.rescale_intensity(image, in_range=np.percentile(image, (low, high))): percentiles over
    all three channels together, interpolated linearly between ranks, and results cut to whole gray levels
    downwards. One difference: where both percentiles are equal, skimage flattens the image to that level;
    here it stays as it is, so that a bright ship on an utterly even sea is not erased.

    Args:
        image: uint8 [H, W, 3] RGB.
        low_percentile: becomes black, 0-100.
        high_percentile: becomes white, 0-100.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    indices = tf.cast(image, tf.int32)
    counted = tf.cumsum(_histogram(indices))
    low = _percentile(counted, low_percentile)
    high = _percentile(counted, high_percentile)
    levels = tf.range(GRAY_LEVELS, dtype=tf.float64)
    span = tf.where(high > low, high - low, tf.ones_like(low))
    stretched = tf.floor((tf.clip_by_value(levels, low, high) - low) / span * 255.0)
    table = tf.cast(tf.where(high > low, stretched, levels), tf.uint8)
    return tf.gather(table, indices)


def _histogram(levels: tf.Tensor) -> tf.Tensor:
    """Count int32 gray levels (0-255) of any shape into int32 [256]."""
    return tf.math.bincount(tf.reshape(levels, [-1]), minlength=GRAY_LEVELS, maxlength=GRAY_LEVELS)


def _percentile(counted: tf.Tensor, percentile: float) -> tf.Tensor:
    """Percentile of gray levels from their cumulative histogram (int32 [256]), as np.percentile's "linear".

    float64, since a rank in a large image needs more than float32's 24 bits beside its fraction.
    """
    rank = tf.cast(counted[-1] - 1, tf.float64) * (percentile / 100.0)
    below = tf.floor(rank)
    ranks = tf.cast(tf.stack([below, tf.math.ceil(rank)]), tf.int32)
    # The sample of rank r (from 0) is the first level up to which more than r samples were counted.
    lower, upper = tf.unstack(tf.cast(tf.searchsorted(counted, ranks, side="right"), tf.float64))
    return lower + (upper - lower) * (rank - below)


def _shift_luma(image: tf.Tensor, difference: tf.Tensor) -> tf.Tensor:
    """Add an int32 [H, W] luma difference to all channels of a uint8 [H, W, 3] image, cut to 0-255."""
    # float32 holds these whole numbers exactly and is twice as fast as int32 here.
    shifted = tf.cast(image, tf.float32) + tf.cast(difference, tf.float32)[..., tf.newaxis]
    return tf.cast(tf.clip_by_value(shifted, 0.0, 255.0), tf.uint8)
