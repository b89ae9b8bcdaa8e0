"""Images of any size seen in overlapping native-resolution tiles, as TensorFlow graph code."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from components.ship_detector.views import from_view, to_view
from components.transform.borders import pad_mirrored

Network = Callable[[tf.Tensor], tf.Tensor]


class _Axis(NamedTuple):
    """Tiles along one axis.

    Attributes:
        starts: int32 [tiles], first pixel of each, multiples of the stride.
        weights: float32 [tiles, tile length], by which a tile's pixels count; over each pixel of the axis
            they sum to 1.
    """

    starts: tf.Tensor
    weights: tf.Tensor


class _Grid(NamedTuple):
    """Tiles over an image.

    Attributes:
        image: uint8 [H, W, 3], H and W multiples of the stride.
        down, across: the tiles along its two axes.
    """

    image: tf.Tensor
    down: _Axis
    across: _Axis

    @property
    def count(self) -> tf.Tensor:
        """How many tiles there are, int32 scalar."""
        return tf.shape(self.down.starts)[0] * tf.shape(self.across.starts)[0]

    def tile(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Pixels float32 [h, w, 3] of a tile, and its numbers along the two axes."""
        columns = tf.shape(self.across.starts)[0]
        row, column = number // columns, number % columns
        top, left = self.down.starts[row], self.across.starts[column]
        height, width = tf.shape(self.down.weights)[1], tf.shape(self.across.weights)[1]
        pixels = tf.cast(self.image[top : top + height, left : left + width], tf.float32)
        return pixels, row, column


def ship_probabilities(
    network: Network,
    image: tf.Tensor,
    *,
    tile_px: int,
    overlap_px: int,
    view_count: int,
    stride_px: int,
) -> tf.Tensor:
    """Probability of ship for each pixel.

    An axis of up to `tile_px` is one tile; a longer one gets the fewest tiles that overlap by `overlap_px` or
    more, evenly spread. Within the overlap a tile fades out along sin^2 (and its neighbour in along cos^2),
    so that pixels near a tile's edge, where the network lacks surroundings, count least. Edges that are no
    multiple of the stride are continued by mirroring, and cut off again. Tiles and views go through the
    network one at a time: memory is that of one tile plus 4 bytes for each pixel of the image.

    Args:
        network: logits [1, h, w, 1] of float32 [1, h, w, 3] RGB in 0-255, h and w multiples of the stride.
        image: uint8 [H, W, 3] RGB, H and W >= 1.
        tile_px: edge of a tile; rounded up to a multiple of the stride.
        overlap_px: least overlap of neighbouring tiles, under half a tile; rounded up likewise.
        view_count: views to average over: 1, 4 (quarter turns) or 8 (with their mirror images).
        stride_px: edges that the network takes are multiples of this.

    Returns:
        float32 [H, W], 0-1.
    """
    grid = _grid(image, tile_px, overlap_px, stride_px)

    def see(step: tf.Tensor, canvas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        view = step % view_count
        pixels, row, column = grid.tile(step // view_count)
        turned = to_view(pixels, view) if view_count > 1 else pixels
        seen = tf.sigmoid(network(turned[tf.newaxis])[0])
        seen = (from_view(seen, view) if view_count > 1 else seen)[..., 0]
        weights = grid.down.weights[row][:, tf.newaxis] * grid.across.weights[column][tf.newaxis, :]
        weighed = seen * (weights / view_count)
        return step + 1, _add(canvas, weighed, grid.down.starts[row], grid.across.starts[column])

    # The canvas is kept in blocks of a stride, so that a tile is added in place instead of rewriting a large
    # scene.
    height, width = tf.unstack(tf.shape(grid.image)[:2])
    blocks = tf.zeros(tf.stack([height // stride_px, width // stride_px, stride_px, stride_px]))
    _, canvas = tf.while_loop(
        lambda step, _: step < grid.count * view_count,
        see,
        (tf.constant(0), blocks),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, stride_px, stride_px])),
        parallel_iterations=1,
    )
    joined = tf.reshape(tf.transpose(canvas, [0, 2, 1, 3]), tf.stack([height, width]))
    shape = tf.shape(image)
    return joined[: shape[0], : shape[1]]


def highest_logit(
    network: Network, image: tf.Tensor, *, tile_px: int, overlap_px: int, stride_px: int
) -> tf.Tensor:
    """The highest of all logits of an image, tile by tile as in `ship_probabilities`.

    Args:
        network: logits [1, h', w', 1], of any shape, of float32 [1, h, w, 3] RGB in 0-255.
        image, tile_px, overlap_px, stride_px: see `ship_probabilities`.

    Returns:
        float32 scalar.
    """
    grid = _grid(image, tile_px, overlap_px, stride_px)

    def see(tile: tf.Tensor, highest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, _, _ = grid.tile(tile)
        return tile + 1, tf.maximum(highest, tf.reduce_max(network(pixels[tf.newaxis])))

    _, highest = tf.while_loop(
        lambda tile, _: tile < grid.count,
        see,
        (tf.constant(0), tf.constant(-math.inf)),
        parallel_iterations=1,
    )
    return highest


def _grid(image: tf.Tensor, tile_px: int, overlap_px: int, stride_px: int) -> _Grid:
    """Continue an image to whole strides and lay tiles over it."""
    shape = tf.shape(image)
    height, width = _whole_strides(shape[0], stride_px), _whole_strides(shape[1], stride_px)
    padded = tf.cond(
        tf.reduce_all(tf.equal(shape[:2], [height, width])),
        lambda: image,
        lambda: pad_mirrored(image, height, width),
    )
    tile_px, overlap_px = _whole_strides(tile_px, stride_px), _whole_strides(overlap_px, stride_px)
    return _Grid(
        padded,
        _axis(height, tile_px, overlap_px, stride_px),
        _axis(width, tile_px, overlap_px, stride_px),
    )


def _whole_strides(length: Any, stride_px: int) -> Any:
    """Round a length (int or int32 scalar) up to whole strides."""
    return (length + stride_px - 1) // stride_px * stride_px


def _axis(length: tf.Tensor, tile_px: int, overlap_px: int, stride_px: int) -> _Axis:
    """Place tiles along an axis; all lengths are multiples of the stride."""
    tile = tf.minimum(length, tile_px)
    step = tile_px - overlap_px
    count = 1 + (length - tile + step - 1) // step
    even = tf.range(count) * (length - tile) // tf.maximum(count - 1, 1)
    # A network with strides sees the same ship alike only when shifted by whole strides.
    starts = even // stride_px * stride_px

    inner = tf.range(tile, dtype=tf.int32)
    from_edge = tf.cast(tf.minimum(inner, tile - 1 - inner), tf.float32) + 0.5
    fade = tf.sin(tf.minimum(from_edge / max(overlap_px, 1), 1.0) * (math.pi / 2)) ** 2
    places = starts[:, tf.newaxis] + inner[tf.newaxis, :]
    fades = tf.tile(fade[tf.newaxis, :], tf.stack([count, 1]))
    total = tf.math.unsorted_segment_sum(fades, places, length)
    return _Axis(starts, fades / tf.gather(total, places))


def _add(canvas: tf.Tensor, tile: tf.Tensor, top: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
    """Add float32 [h, w] at pixel (top, left) to a canvas [H / stride, W / stride, stride, stride]."""
    stride_px = canvas.shape[-1]
    shape = tf.shape(tile)
    down, across = shape[0] // stride_px, shape[1] // stride_px
    split = tf.reshape(tile, tf.stack([down, stride_px, across, stride_px]))
    rows = top // stride_px + tf.range(down)
    columns = left // stride_px + tf.range(across)
    places = tf.stack(tf.meshgrid(rows, columns, indexing="ij"), axis=-1)
    return tf.tensor_scatter_nd_add(canvas, places, tf.transpose(split, [0, 2, 1, 3]))
