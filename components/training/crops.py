"""Native-resolution crops that the networks train on, and the fixed windows that they are scored on."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import TrainingError
from components.examples import IMAGE_ID
from components.training.augmentation import recolour, turn
from components.training.records import (
    IMAGE_ENCODED,
    MASK_PNG,
    Census,
    decode_mask,
    take_census,
)
from components.training.settings import CropSettings
from components.training.ship_anchors import ANCHORS, ship_anchors
from components.transform.decoding import decode_rgb

_BYTES_A_PIXEL = 4  # of image and mask
_MASK_ON = 255
# Half of the crops are 1/1.3 to 1.3 times as wide in the image as in the batch: other ground resolutions.
_SCALED_SHARE, _SCALE_SPREAD = 0.5, 1.3
# Where images do not fit into memory, each decoding (3 ms) is used for several crops.
CROPS_PER_DECODING = 4
_RECORD_SHUFFLE = 1024  # encoded records, some 130 KB each
_IMAGE_SHUFFLE = 4096  # references to images in the cache
_CROP_SHUFFLE = 128
# Added to a crop's seed, so that its turn owes nothing to its place.
_TURN_SEED = 1 << 40
# Larger eval images are judged on a window of this size; it is a multiple of every network's stride.
_EVAL_WINDOW_PX = 768

# Image, mask and anchors.
_Loaded = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
EvalWindow = tuple[NDArray[np.uint8], NDArray[np.bool_]]
# What follows from a step of a training on, endless; the same each time that it is asked for.
FromStep = Callable[[int], tf.data.Dataset]


def training_crops(patterns: Sequence[str], settings: CropSettings) -> FromStep:
    """Endless random crops; the same ones in the same order for the same records, seed and first step.

    `ship_crop_fraction` of the crops from images with ships contain a given ship pixel, anywhere in the crop.
    Images smaller than a crop are padded with black at the right and the bottom.

    Args:
        patterns: of gzip TFRecord files.
        settings: of the network.

    Returns:
        Function of the step that they begin with to a dataset of (images float32 [B, C, C, 3] of 0-255, masks
        float32 [B, C, C, 1] of 0 and 1). All of its datasets share the cache.

    Raises:
        TrainingError: no records, no image with ships, or none without while the settings ask for some.
    """
    census = take_census(patterns)
    if not census.ships:
        raise TrainingError("there is no training image with ships: check labels and sampling")
    if settings.empty_image_fraction and not census.empties:
        raise TrainingError(
            f"empty_image_fraction is {settings.empty_image_fraction}, but there is no training image "
            "without ships: set it to 0, or check labels and sampling"
        )
    with_ships = _crop_stream(census, True, settings)
    without = _crop_stream(census, False, settings) if settings.empty_image_fraction else None

    def from_step(step: int) -> tf.data.Dataset:
        crops = with_ships(step)
        if without:
            weights = [1 - settings.empty_image_fraction, settings.empty_image_fraction]
            crops = tf.data.Dataset.sample_from_datasets(
                [crops, without(step)], weights, seed=settings.seed + step
            )
        batches = crops.batch(settings.batch_size, drop_remainder=True).enumerate(step)
        # In parallel: milliseconds a crop, one batch after the other, would hold up a GPU.
        return batches.map(lambda index, batch: _finish(batch, index, settings), tf.data.AUTOTUNE).prefetch(2)

    return from_step


def _crop_stream(census: Census, ships: bool, settings: CropSettings) -> FromStep:
    """Endless crops of the images with (or without) ships: uint8 [C, C, 3], and [C, C, 1] of the masks.

    Order and crops follow from the seed and the first step, not from how often a dataset was gone through:
    a shuffle that goes on from a former pass would give other crops to a training that was killed between.
    """
    image_ids = census.ships if ships else census.empties
    megabytes = len(image_ids) * census.image_pixels * _BYTES_A_PIXEL / 1e6
    # The images without ships, if any, get the share of the memory that they get of the crops.
    share = 1 - settings.empty_image_fraction if ships else settings.empty_image_fraction
    records = census.records(ships)

    def load(record: dict[str, tf.Tensor]) -> _Loaded:
        return _load(record, settings.crop_px)

    cached = records.map(load, tf.data.AUTOTUNE).cache() if megabytes <= settings.cache_mb * share else None
    crops_each = CROPS_PER_DECODING if cached is None else 1

    def cut(index: tf.Tensor, loaded: _Loaded) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = [
            tf.stack([settings.seed + int(ships), index * crops_each + turn_]) for turn_ in range(crops_each)
        ]
        pairs = [_random_crop(loaded, seed, settings) for seed in seeds]
        return tf.stack([crop for crop, _ in pairs]), tf.stack([mask for _, mask in pairs])

    def from_step(step: int) -> tf.data.Dataset:
        seed = settings.seed + step
        if cached is not None:
            images = cached.shuffle(min(len(image_ids), _IMAGE_SHUFFLE), seed).repeat()
        else:
            images = records.shuffle(_RECORD_SHUFFLE, seed).repeat().map(load, tf.data.AUTOTUNE)
        # No more crops than this can have come before.
        crops = images.enumerate(step * settings.batch_size).map(cut, tf.data.AUTOTUNE).unbatch()
        return crops.shuffle(_CROP_SHUFFLE, seed) if crops_each > 1 else crops

    return from_step


def _load(record: dict[str, tf.Tensor], least_px: int) -> _Loaded:
    """Decode a record to uint8 [H, W, 3] and [H, W, 1], at least `least_px` an edge, and [64, 2] anchors."""
    image, mask = decode_rgb(record[IMAGE_ENCODED]), decode_mask(record[MASK_PNG])
    tf.debugging.assert_equal(tf.shape(image)[:2], tf.shape(mask)[:2], "image and mask differ in size")
    anchors = tf.numpy_function(ship_anchors, [mask[..., 0], record[IMAGE_ID]], tf.int32, stateful=False)
    missing = tf.maximum(least_px - tf.shape(mask)[:2], 0)
    padding = [[0, missing[0]], [0, missing[1]], [0, 0]]
    return (
        tf.ensure_shape(tf.pad(image, padding), [None, None, 3]),
        tf.ensure_shape(tf.pad(mask * _MASK_ON, padding), [None, None, 1]),
        tf.ensure_shape(anchors, [ANCHORS, 2]),
    )


def _random_crop(loaded: _Loaded, seed: tf.Tensor, settings: CropSettings) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut uint8 [C, C, 3] out of the image and [C, C, 1] out of the mask, at the same place."""
    image, mask, anchors = loaded
    crop_px = settings.crop_px
    chances = tf.random.stateless_uniform([6], seed)
    edges = tf.shape(image)[:2]
    window = tf.constant(crop_px)
    if settings.augment_scale:
        spread = tf.pow(_SCALE_SPREAD, 2 * chances[5] - 1)
        scaled = tf.cast(tf.round(crop_px * spread), tf.int32)
        window = tf.where(chances[4] < _SCALED_SHARE, scaled, window)
        window = tf.minimum(window, tf.reduce_min(edges))
    anchor = anchors[tf.cast(chances[0] * ANCHORS, tf.int32)]
    free = edges - window
    anywhere = tf.cast(chances[2:4] * tf.cast(free + 1, tf.float32), tf.int32)
    # The anchor lies anywhere in the crop, so that the network does not learn that ships are in the middle.
    around = tf.clip_by_value(anchor - tf.cast(chances[2:4] * tf.cast(window, tf.float32), tf.int32), 0, free)
    over_ship = tf.logical_and(chances[1] < settings.ship_crop_fraction, anchor[0] >= 0)
    corner = tf.where(over_ship, around, anywhere)
    turn_seed = tf.stack([seed[0], seed[1] + _TURN_SEED])

    def cut(layer: tf.Tensor) -> tf.Tensor:
        crop = layer[corner[0] : corner[0] + window, corner[1] : corner[1] + window]
        if settings.augment_scale:
            crop = tf.cond(tf.equal(window, crop_px), lambda: crop, lambda: _resize(crop, crop_px))
        crop = turn(crop, turn_seed, settings.augment_flips, settings.augment_rotations)
        return tf.ensure_shape(crop, [crop_px, crop_px, layer.shape[-1]])

    # What is done to one is done to the other. As one tensor of four channels they would need no such care,
    # but to join the channels of an image took TensorFlow twice as long as to decode it (7 against 4 ms).
    return cut(image), cut(mask)


def _resize(layer: tf.Tensor, edge_px: int) -> tf.Tensor:
    resized = tf.image.resize(layer, [edge_px, edge_px])
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _finish(
    batch: tuple[tf.Tensor, tf.Tensor], index: tf.Tensor, settings: CropSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """Bring uint8 [B, C, C, 3] and [B, C, C, 1] to float32. The mask is cut at half after any resizing."""
    images = tf.cast(batch[0], tf.float32)
    masks = tf.cast(batch[1] > _MASK_ON // 2, tf.float32)
    if settings.augment_colour:
        images = recolour(images, tf.stack([tf.constant(settings.seed, tf.int64), -1 - index]))
    return images, masks


def eval_windows(patterns: Sequence[str], *, ships: int, empties: int) -> list[EvalWindow]:
    """Fixed native-resolution windows over images of the eval split.

    A window is the whole image, or a 768 px square of a larger one, over a ship if there is one.

    Args:
        patterns: of gzip TFRecord files.
        ships: at most so many images with ships, the same ones whatever the order of records.
        empties: at most so many without; 0 for none.

    Returns:
        Pairs of image uint8 [H, W, 3] and mask bool [H, W], in memory.

    Raises:
        TrainingError: no records, or none of a kind that is asked for.
    """
    census = take_census(patterns)
    for kind, asked, found in (("with", ships, census.ships), ("without", empties, census.empties)):
        if asked and not found:
            raise TrainingError(
                f"the eval split has no image {kind} ships: use more images or a larger eval share"
            )
    chosen = census.chosen(ships, ships=True) | census.chosen(empties, ships=False)
    records = itertools.chain.from_iterable(
        census.records(kind).as_numpy_iterator() for kind, asked in ((True, ships), (False, empties)) if asked
    )
    return [_eval_window(record) for record in records if record[IMAGE_ID] in chosen]


def _eval_window(record: dict[str, Any]) -> EvalWindow:
    image = decode_rgb(record[IMAGE_ENCODED]).numpy()
    mask = decode_mask(record[MASK_PNG]).numpy()[..., 0]
    anchor = np.maximum(ship_anchors(mask, record[IMAGE_ID])[0], 0)
    corner = np.clip(anchor - _EVAL_WINDOW_PX // 2, 0, np.maximum(np.array(mask.shape) - _EVAL_WINDOW_PX, 0))
    rows, columns = (slice(start, start + _EVAL_WINDOW_PX) for start in corner)
    return image[rows, columns].copy(), mask[rows, columns] > 0
