from functools import cache
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from brightness_networks import classifier, segmenter

from components.ship_detector.tiling import ship_probabilities
from components.ship_detector.views import from_view, to_view


def photograph(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3)).astype(np.uint8)


@cache
def tiling(network: keras.Model, **settings: int) -> Any:
    return tf.function(
        lambda pixels: ship_probabilities(lambda batch: network(batch, training=False), pixels, **settings),
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
        autograph=False,
    )


def tiled(
    network: keras.Model,
    image: npt.NDArray[np.uint8],
    *,
    tile_px: int = 64,
    overlap_px: int = 32,
    view_count: int = 1,
    stride_px: int = 32,
) -> npt.NDArray[np.float32]:
    graph = tiling(
        network, tile_px=tile_px, overlap_px=overlap_px, view_count=view_count, stride_px=stride_px
    )
    probabilities: npt.NDArray[np.float32] = graph(tf.constant(image)).numpy()
    assert probabilities.shape == image.shape[:2]
    return probabilities


def whole(network: keras.Model, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    logits = network(image[None].astype(np.float32), training=False)
    probabilities: npt.NDArray[np.float32] = tf.sigmoid(logits)[0, ..., 0].numpy()
    return probabilities


SIZES = [(64, 64), (128, 192), (40, 30), (1, 1), (2, 200), (97, 131), (65, 64), (150, 33)]


@pytest.mark.parametrize("view_count", [1, 4, 8])
def test_a_pixelwise_network_sees_the_same_tiled_as_whole(view_count: int) -> None:
    network = segmenter()
    for size in SIZES:
        image = photograph(*size)
        np.testing.assert_allclose(
            tiled(network, image, view_count=view_count), whole(network, image), atol=1e-5
        )


def test_a_network_with_strides_sees_its_cells_at_the_same_places() -> None:
    image, network = photograph(256, 352), segmenter(stride_px=32)
    np.testing.assert_allclose(tiled(network, image, tile_px=128), whole(network, image), atol=1e-5)


def test_a_network_with_surroundings_sees_nearly_the_same_tiled_as_whole() -> None:
    # An even sea with a few ships: pure noise would tell nothing about what a tile's edge does.
    image = np.full((256, 256, 3), 110, np.uint8)
    image[60:90, 50:120] = 200
    image[120:140, 100:180] = 200
    network = segmenter(kernel_px=9)
    difference = np.abs(tiled(network, image, tile_px=128, overlap_px=32) - whole(network, image))
    # Without blending, pixels at a seam are off by 0.4 and more.
    assert np.abs(tiled(network, image, tile_px=128, overlap_px=0) - whole(network, image)).max() > 0.3
    assert difference.max() < 0.05


def test_no_seam_is_visible_though_the_network_fades_at_the_edges_of_its_tiles() -> None:
    image = np.full((64, 160, 3), 150, np.uint8)
    network = segmenter(fade=True)

    def steepest(overlap_px: int) -> float:
        middle = tiled(network, image, tile_px=96, overlap_px=overlap_px)[32, 16:-16]
        return float(np.abs(np.diff(middle)).max())

    hard_cut = np.concatenate([whole(network, image[:, :80])[32], whole(network, image[:, 80:])[32]])[16:-16]
    assert np.abs(np.diff(hard_cut)).max() > 2 * steepest(overlap_px=32)
    assert steepest(overlap_px=32) < 0.01


def test_a_tile_sized_image_goes_through_the_network_once_and_untouched() -> None:
    seen = []

    def network(batch: tf.Tensor) -> tf.Tensor:
        tf.py_function(lambda pixels: seen.append(pixels.numpy()), [batch], [])
        return batch[..., :1]

    image = photograph(768, 768)
    graph = tf.function(
        lambda pixels: ship_probabilities(
            network, pixels, tile_px=768, overlap_px=128, view_count=1, stride_px=32
        ),
        autograph=False,
    )
    probabilities = graph(tf.constant(image)).numpy()
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0][0], image.astype(np.float32))
    np.testing.assert_array_equal(probabilities, tf.sigmoid(image[..., 0].astype(np.float32)).numpy())


def test_small_images_are_mirrored_not_blackened() -> None:
    image = np.full((5, 7, 3), 200, np.uint8)
    probabilities = tiled(segmenter(stride_px=32), image)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-7.0)), atol=1e-5)


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
def test_other_strides_are_kept(size: tuple[int, int]) -> None:
    image = photograph(*size)
    assert tiled(segmenter(stride_px=48), image, stride_px=48).shape == size


@pytest.mark.parametrize("view", range(8))
def test_views_are_undone(view: int) -> None:
    image = tf.constant(photograph(6, 9))
    np.testing.assert_array_equal(from_view(to_view(image, tf.constant(view)), tf.constant(view)), image)


def test_the_eight_views_differ() -> None:
    image = tf.constant(photograph(6, 6))
    views = {to_view(image, tf.constant(view)).numpy().tobytes() for view in range(8)}
    assert len(views) == 8


def test_views_are_averaged() -> None:
    # A network that sees ship in the top rows only: each quarter turn brings another edge to the top.
    def top_rows(batch: tf.Tensor) -> tf.Tensor:
        rows = tf.range(tf.shape(batch)[1])[None, :, None, None]
        return tf.where(rows < 8, 20.0, -20.0) + 0.0 * batch[..., :1]

    image = photograph(64, 64)
    mean = ship_probabilities(
        top_rows, tf.constant(image), tile_px=64, overlap_px=0, view_count=4, stride_px=32
    ).numpy()
    np.testing.assert_allclose(mean[:8, 8:-8], 0.25, atol=1e-4)
    np.testing.assert_allclose(mean[:8, :8], 0.5, atol=1e-4)
    np.testing.assert_allclose(mean[8:-8, 8:-8], 0.0, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_cells_are_seen_the_same_tiled_as_whole(size: tuple[int, int]) -> None:
    image, network = photograph(*size), classifier()
    padded = np.pad(image, [(0, -size[0] % 32), (0, -size[1] % 32), (0, 0)], "reflect")
    graph = tiling(network, tile_px=64, overlap_px=32, view_count=1, stride_px=32, cell_px=16)
    cells = graph(tf.constant(image)).numpy()
    rows, columns = -(-size[0] // 16), -(-size[1] // 16)
    assert cells.shape == (rows, columns)
    np.testing.assert_allclose(cells, whole(network, padded)[:rows, :columns], atol=1e-5)
