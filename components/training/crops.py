"""Native-resolution crops that the networks train on, and the fixed windows that they are scored on."""

from collections.abc import Sequence
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
    read_records,
    take_census,
)
from components.training.settings import CropSettings
from components.training.ship_anchors import ANCHORS, ship_anchors
from components.transform.decoding import decode_rgb

# Image and mask travel as one uint8 [H, W, 4] tensor, so that no step can move one without the other.
_CHANNELS = 4
_MASK_ON = 255
# Half of the crops are 1/1.3 to 1.3 times as wide in the image as in the batch: other ground resolutions.
_SCALED_SHARE, _SCALE_SPREAD = 0.5, 1.3
# Where images do not fit into memory, each decoding (3 ms) is used for several crops.
_CROPS_PER_DECODING = 4
_RECORD_SHUFFLE = 1024  # encoded records, some 130 KB each
_IMAGE_SHUFFLE = 4096  # references to images in the cache
_CROP_SHUFFLE = 128
# Added to a crop's seed, so that its turn owes nothing to its place.
_TURN_SEED = 1 << 40
# Larger eval images are judged on a window of this size; it is a multiple of every network's stride.
_EVAL_WINDOW_PX = 768

EvalWindow = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def training_crops(patterns: Sequence[str], settings: CropSettings) -> tf.data.Dataset:
    """Endless random crops; the same ones in the same order for the same records and seed.

    `ship_crop_fraction` of the crops from images with ships contain a given ship pixel, anywhere in the crop.
    Images smaller than a crop are padded with black at the right and the bottom.

    Args:
        patterns: of gzip TFRecord files.
        settings: of the network.

    Returns:
        Dataset of (images float32 [B, C, C, 3] of 0-255, masks float32 [B, C, C, 1] of 0 and 1).

    Raises:
        TrainingError: no records, no image with ships, or none without while the settings ask for some.
    """
    census = take_census(patterns)
    if not census.ships:
        raise TrainingError("there is no training image with ships: check labels and sampling")
    crops = _crop_stream(census, True, settings)
    if settings.empty_image_fraction:
        if not census.empties:
            raise TrainingError(
                f"empty_image_fraction is {settings.empty_image_fraction}, but there is no training image "
                "without ships: set it to 0, or check labels and sampling"
            )
        weights = [1 - settings.empty_image_fraction, settings.empty_image_fraction]
        streams = [crops, _crop_stream(census, False, settings)]
        crops = tf.data.Dataset.sample_from_datasets(streams, weights, seed=settings.seed)
    batches = crops.batch(settings.batch_size, drop_remainder=True).enumerate()
    return batches.map(lambda index, batch: _finish(batch, index, settings)).prefetch(2)


def _crop_stream(census: Census, ships: bool, settings: CropSettings) -> tf.data.Dataset:
    """Endless uint8 [C, C, 4] crops of the images with (or without) ships."""
    image_ids = census.ships if ships else census.empties
    megabytes = len(image_ids) * census.image_pixels * _CHANNELS / 1e6
    # The images without ships, if any, get the share of the memory that they get of the crops.
    share = 1 - settings.empty_image_fraction if ships else settings.empty_image_fraction
    records = read_records(census.files, ships)

    def load(record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return _load(record, settings.crop_px)

    if megabytes <= settings.cache_mb * share:
        images = records.map(load, tf.data.AUTOTUNE).cache()
        images = images.shuffle(min(len(image_ids), _IMAGE_SHUFFLE), settings.seed).repeat()
        crops_each = 1
    else:
        images = records.shuffle(_RECORD_SHUFFLE, settings.seed).repeat().map(load, tf.data.AUTOTUNE)
        crops_each = _CROPS_PER_DECODING

    def cut(index: tf.Tensor, image: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        seeds = [
            tf.stack([settings.seed + int(ships), index * crops_each + turn_]) for turn_ in range(crops_each)
        ]
        return tf.stack([_random_crop(*image, seed, settings) for seed in seeds])

    crops = images.enumerate().map(cut, tf.data.AUTOTUNE).unbatch()
    return crops if crops_each == 1 else crops.shuffle(_CROP_SHUFFLE, settings.seed)


def _load(record: dict[str, tf.Tensor], least_px: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a record to uint8 [H, W, 4] of at least `least_px` an edge, and int32 [64, 2] anchors."""
    mask = decode_mask(record[MASK_PNG])
    anchors = tf.numpy_function(ship_anchors, [mask[..., 0], record[IMAGE_ID]], tf.int32, stateful=False)
    stack = tf.concat([decode_rgb(record[IMAGE_ENCODED]), mask * _MASK_ON], axis=2)
    missing = tf.maximum(least_px - tf.shape(stack)[:2], 0)
    stack = tf.pad(stack, [[0, missing[0]], [0, missing[1]], [0, 0]])
    return tf.ensure_shape(stack, [None, None, _CHANNELS]), tf.ensure_shape(anchors, [ANCHORS, 2])


def _random_crop(stack: tf.Tensor, anchors: tf.Tensor, seed: tf.Tensor, settings: CropSettings) -> tf.Tensor:
    """Cut uint8 [C, C, 4] out of uint8 [H, W, 4]."""
    crop_px = settings.crop_px
    chances = tf.random.stateless_uniform([6], seed)
    edges = tf.shape(stack)[:2]
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
    crop = stack[corner[0] : corner[0] + window, corner[1] : corner[1] + window]
    if settings.augment_scale:
        crop = tf.cond(tf.equal(window, crop_px), lambda: crop, lambda: _resize(crop, crop_px))
    turn_seed = tf.stack([seed[0], seed[1] + _TURN_SEED])
    crop = turn(crop, turn_seed, settings.augment_flips, settings.augment_rotations)
    return tf.ensure_shape(crop, [crop_px, crop_px, _CHANNELS])


def _resize(stack: tf.Tensor, edge_px: int) -> tf.Tensor:
    resized = tf.image.resize(stack, [edge_px, edge_px])
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _finish(stacks: tf.Tensor, index: tf.Tensor, settings: CropSettings) -> tuple[tf.Tensor, tf.Tensor]:
    """Split uint8 [B, C, C, 4] into images and masks. The mask is cut at half after any resizing."""
    images = tf.cast(stacks[..., :3], tf.float32)
    masks = tf.cast(stacks[..., 3:] > _MASK_ON // 2, tf.float32)
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
    records = read_records(census.files).as_numpy_iterator()
    return [_eval_window(record) for record in records if record[IMAGE_ID] in chosen]


def _eval_window(record: dict[str, Any]) -> EvalWindow:
    image = decode_rgb(record[IMAGE_ENCODED]).numpy()
    mask = decode_mask(record[MASK_PNG]).numpy()[..., 0]
    anchor = np.maximum(ship_anchors(mask, record[IMAGE_ID])[0], 0)
    corner = np.clip(anchor - _EVAL_WINDOW_PX // 2, 0, np.maximum(np.array(mask.shape) - _EVAL_WINDOW_PX, 0))
    rows, columns = (slice(start, start + _EVAL_WINDOW_PX) for start in corner)
    return image[rows, columns].copy(), mask[rows, columns] > 0
