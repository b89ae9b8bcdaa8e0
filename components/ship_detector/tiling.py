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
        weights: float32 [tiles, cells of a tile], by which a tile's cells count; over each cell of the axis
            they sum to 1.
    """

    starts: tf.Tensor
    weights: tf.Tensor


class _Grid(NamedTuple):
    """Tiles over an image.

    Attributes:
        image: uint8 [H, W, 3], H and W multiples of the stride.
        tile_px: int32 [2], height and width of a tile.
        down, across: the tiles along its two axes.
    """

    image: tf.Tensor
    tile_px: tf.Tensor
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
        height, width = tf.unstack(self.tile_px)
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
    cell_px: int = 1,
) -> tf.Tensor:
    """Probability of ship for each pixel, or each cell of pixels.

    An axis of up to `tile_px` is one tile; a longer one gets the fewest tiles that overlap by `overlap_px` or
    more, evenly spread. Within the overlap a tile fades out along sin^2 (and its neighbour in along cos^2),
    so that pixels near a tile's edge, where the network lacks surroundings, count least. Edges that are no
    multiple of the stride are continued by mirroring, and cut off again. Tiles and views go through the
    network one at a time: memory is that of one tile plus 4 bytes for each pixel (or cell) of the image.

    Args:
        network: logits [1, h / cell_px, w / cell_px, 1] of float32 [1, h, w, 3] RGB in 0-255, h and w
            multiples of the stride.
        image: uint8 [H, W, 3] RGB, H and W >= 1.
        tile_px: edge of a tile; rounded up to a multiple of the stride.
        overlap_px: least overlap of neighbouring tiles, under half a tile; rounded up likewise.
        view_count: views to average over: 1, 4 (quarter turns) or 8 (with their mirror images).
        stride_px: edges that the network takes are multiples of this.
        cell_px: edge of the cells that the network has a logit for; the stride is a multiple of it.

    Returns:
        float32 [ceil(H / cell_px), ceil(W / cell_px)], 0-1.
    """
    grid = _grid(image, tile_px, overlap_px, stride_px, cell_px)

    def see(step: tf.Tensor, canvas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        view = step % view_count
        pixels, row, column = grid.tile(step // view_count)
        turned = to_view(pixels, view) if view_count > 1 else pixels
        seen = tf.sigmoid(network(turned[tf.newaxis])[0])
        seen = (from_view(seen, view) if view_count > 1 else seen)[..., 0]
        weights = grid.down.weights[row][:, tf.newaxis] * grid.across.weights[column][tf.newaxis, :]
        weighed = seen * (weights / view_count)
        corner = grid.down.starts[row] // stride_px, grid.across.starts[column] // stride_px
        return step + 1, _add(canvas, weighed, *corner)

    # The canvas is kept in blocks of a stride, so that a tile is added in place instead of rewriting a large
    # scene.
    down, across = tf.unstack(tf.shape(grid.image)[:2] // stride_px)
    block = stride_px // cell_px
    _, canvas = tf.while_loop(
        lambda step, _: step < grid.count * view_count,
        see,
        (tf.constant(0), tf.zeros(tf.stack([down, across, block, block]))),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, block, block])),
        parallel_iterations=1,
    )
    joined = tf.reshape(tf.transpose(canvas, [0, 2, 1, 3]), tf.stack([down * block, across * block]))
    shape = _whole(tf.shape(image)[:2], cell_px) // cell_px
    return joined[: shape[0], : shape[1]]


def _grid(image: tf.Tensor, tile_px: int, overlap_px: int, stride_px: int, cell_px: int) -> _Grid:
    """Continue an image to whole strides and lay tiles over it."""
    shape = tf.shape(image)
    height, width = _whole(shape[0], stride_px), _whole(shape[1], stride_px)
    padded = tf.cond(
        tf.reduce_all(tf.equal(shape[:2], [height, width])),
        lambda: image,
        lambda: pad_mirrored(image, height, width),
    )
    tile_px, overlap_px = _whole(tile_px, stride_px), _whole(overlap_px, stride_px)
    return _Grid(
        padded,
        tf.minimum(tf.stack([height, width]), tile_px),
        _axis(height, tile_px, overlap_px, stride_px, cell_px),
        _axis(width, tile_px, overlap_px, stride_px, cell_px),
    )


def _whole(length: Any, step_px: int) -> Any:
    """Round a length (int or int32 tensor) up to whole steps."""
    return (length + step_px - 1) // step_px * step_px


def _axis(length: tf.Tensor, tile_px: int, overlap_px: int, stride_px: int, cell_px: int) -> _Axis:
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
    weights = tf.reshape(fades / tf.gather(total, places), tf.stack([count, tile // cell_px, cell_px]))
    return _Axis(starts, tf.reduce_mean(weights, -1))


def _add(canvas: tf.Tensor, tile: tf.Tensor, top: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
    """Add float32 [h, w] from block (top, left) on to a canvas [H / block, W / block, block, block]."""
    block = canvas.shape[-1]
    shape = tf.shape(tile)
    down, across = shape[0] // block, shape[1] // block
    split = tf.reshape(tile, tf.stack([down, block, across, block]))
    rows = top + tf.range(down)
    columns = left + tf.range(across)
    places = tf.stack(tf.meshgrid(rows, columns, indexing="ij"), axis=-1)
    return tf.tensor_scatter_nd_add(canvas, places, tf.transpose(split, [0, 2, 1, 3]))
