"""Contrast-limited adaptive histogram equalization (CLAHE) of one luma channel, as TensorFlow graph code.

After K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV (1994), in the
variant of OpenCV's cv2.createCLAHE (modules/imgproc/src/clahe.cpp), whose rounding is followed step by step.
"""

import tensorflow as tf

from components.transform.borders import pad_mirrored

_LEVELS = 256


def clahe_luma(luminance: tf.Tensor, clip_limit: float, grid: int) -> tf.Tensor:
    """Equalize a gray image by the histograms of its surroundings, with limited contrast gain.

    Args:
        luminance: int32 [H, W], 0-255, H and W >= 1.
        clip_limit: histogram bins are cut at this many times the mean bin (> 0); what is cut off is spread
            over all bins.
        grid: the image is divided into grid x grid tiles with a histogram each; between tile centres the
            gray-level curves are interpolated bilinearly.

    Returns:
        int32 [H, W], 0-255.
    """
    shape = tf.shape(luminance)
    height, width = shape[0], shape[1]
    tiled_height, tiled_width = _tiled_size(height, width, grid)
    tile_height, tile_width = tiled_height // grid, tiled_width // grid
    padded = pad_mirrored(luminance, tiled_height, tiled_width)
    curves = _curves(_tile_histograms(padded, tile_height, tile_width, grid), clip_limit)

    row, below = _regions(height, tile_height)
    column, beside = _regions(width, tile_width)
    region = row[:, tf.newaxis] * (grid + 1) + column[tf.newaxis, :]
    # One gather of four neighbouring levels a pixel takes half the time of four gathers.
    levels = tf.gather(_corner_curves(curves, grid), region * _LEVELS + luminance)
    top_left, top_right, bottom_left, bottom_right = tf.unstack(levels, axis=-1)
    beside, below = beside[tf.newaxis, :], below[:, tf.newaxis]
    top = top_left * (1.0 - beside) + top_right * beside
    bottom = bottom_left * (1.0 - beside) + bottom_right * beside
    return tf.cast(tf.round(top * (1.0 - below) + bottom * below), tf.int32)


def _tiled_size(height: tf.Tensor, width: tf.Tensor, grid: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Size that divides into tiles; as in OpenCV, an axis that fits gains `grid` px if the other does not."""
    fits = tf.logical_and(tf.equal(height % grid, 0), tf.equal(width % grid, 0))
    return (
        tf.where(fits, height, height + grid - height % grid),
        tf.where(fits, width, width + grid - width % grid),
    )


def _tile_histograms(
    padded: tf.Tensor, tile_height: tf.Tensor, tile_width: tf.Tensor, grid: int
) -> tf.Tensor:
    """Histograms of all tiles of an int32 image: int32 [grid * grid, 256], tiles row by row."""
    tile_row = tf.repeat(tf.range(grid), tile_height)
    tile_column = tf.repeat(tf.range(grid), tile_width)
    tile = tile_row[:, tf.newaxis] * grid + tile_column[tf.newaxis, :]
    bins = grid * grid * _LEVELS
    counts = tf.math.bincount(tf.reshape(tile * _LEVELS + padded, [-1]), minlength=bins, maxlength=bins)
    return tf.reshape(counts, [grid * grid, _LEVELS])


def _curves(histograms: tf.Tensor, clip_limit: float) -> tf.Tensor:
    """Gray-level curves of all tiles: float32 [tiles, 256], whole numbers 0-255."""
    pixels = tf.reduce_sum(histograms[0])
    limit = tf.cast(tf.cast(pixels, tf.float64) * clip_limit / _LEVELS, tf.int32)
    clipped = tf.minimum(histograms, tf.maximum(limit, 1))
    excess = pixels - tf.reduce_sum(clipped, axis=1, keepdims=True)
    # The excess is spread evenly; what does not divide goes to every step-th bin, from bin 0 on.
    share, rest = excess // _LEVELS, excess % _LEVELS
    step = tf.maximum(_LEVELS // tf.maximum(rest, 1), 1)
    bin_index = tf.range(_LEVELS)[tf.newaxis, :]
    extra = tf.logical_and(tf.equal(bin_index % step, 0), bin_index // step < rest)
    spread = clipped + share + tf.cast(extra, tf.int32)
    scale = tf.constant(255.0) / tf.cast(pixels, tf.float32)
    curves = tf.round(tf.cast(tf.cumsum(spread, axis=1), tf.float32) * scale)
    return tf.clip_by_value(curves, 0.0, 255.0)


def _corner_curves(curves: tf.Tensor, grid: int) -> tf.Tensor:
    """Curves of the four tiles around each region between tile centres.

    Args:
        curves: float32 [grid * grid, 256].
        grid: tiles along each edge.

    Returns:
        float32 [(grid + 1)^2 * 256, 4]: for each region, row by row, and each gray level the values of the
        tiles top left, top right, bottom left, bottom right. At the image's edge the outermost tile stands
        in for the missing one.
    """
    by_place = tf.reshape(curves, [grid, grid, _LEVELS])
    before = tf.maximum(tf.range(grid + 1) - 1, 0)
    after = tf.minimum(tf.range(grid + 1), grid - 1)
    corners = [
        tf.gather(tf.gather(by_place, rows, axis=0), columns, axis=1)
        for rows in (before, after)
        for columns in (before, after)
    ]
    return tf.reshape(tf.stack(corners, axis=-1), [(grid + 1) ** 2 * _LEVELS, 4])


def _regions(length: tf.Tensor, tile_length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each pixel of an axis lies between the tile centres.

    Returns:
        int32 [length], number of tile centres at or before the pixel, and float32 [length], how far it has
        come from the one before it to the one after it (0-1).
    """
    position = tf.range(length, dtype=tf.float32) * (1.0 / tf.cast(tile_length, tf.float32)) - 0.5
    before = tf.floor(position)
    return tf.cast(before, tf.int32) + 1, position - before
