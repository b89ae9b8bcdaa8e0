"""Whole images, shrunken, that the classifier trains on and is scored on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import TrainingError
from components.examples import IMAGE_ID, SHIP_COUNT
from components.training.augmentation import recolour, turn
from components.training.records import IMAGE_ENCODED, Census, read_records, take_census
from components.training.settings import ClassifierSettings
from components.transform.decoding import decode_rgb

_CHANNELS = 3
_RECORD_SHUFFLE = 1024  # encoded records, some 130 KB each
_IMAGE_SHUFFLE = 8192  # references to images in the cache


class LabelledImages(NamedTuple):
    """Shrunken images in memory: uint8 [N, input_px, input_px, 3] and bool [N], true where ships are."""

    images: NDArray[np.uint8]
    labels: NDArray[np.bool_]


def shrink(image: tf.Tensor, input_px: int) -> tf.Tensor:
    """Area-resize uint8 [H, W, 3] to the square uint8 [input_px, input_px, 3] that the classifier sees.

    Serving must call this too, so that the classifier meets the pixels that it learned on.
    """
    resized = tf.image.resize(image, [input_px, input_px], "area")
    return tf.cast(tf.round(resized), tf.uint8)


def training_images(patterns: Sequence[str], settings: ClassifierSettings) -> tf.data.Dataset:
    """Endless batches, every other image with ships; the same for the same records and seed.

    Returns:
        Dataset of (images float32 [B, input_px, input_px, 3] of 0-255, labels float32 [B, 1] of 0 and 1).

    Raises:
        TrainingError: no records, or all of one kind.
    """
    census = take_census(patterns)
    if not census.ships or not census.empties:
        missing = "without" if census.ships else "with"
        raise TrainingError(
            f"the classifier has no training image {missing} ships: check labels and sampling"
        )
    streams = [_image_stream(census, ships, settings) for ships in (True, False)]
    turns = tf.data.Dataset.range(2).repeat()
    batches = tf.data.Dataset.choose_from_datasets(streams, turns).batch(
        settings.batch_size, drop_remainder=True
    )

    def finish(index: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.cast(batch[0], tf.float32)
        if settings.augment_colour:
            images = recolour(images, tf.stack([tf.constant(settings.seed, tf.int64), -1 - index]))
        return images, batch[1]

    return batches.enumerate().map(finish, tf.data.AUTOTUNE).prefetch(2)


def eval_images(patterns: Sequence[str], settings: ClassifierSettings) -> LabelledImages:
    """At most `eval_images` shrunken images, half of them with ships if there are enough.

    Raises:
        TrainingError: no records, or all of one kind, on which ROC AUC is not defined.
    """
    census = take_census(patterns)
    if not census.ships or not census.empties:
        missing = "without" if census.ships else "with"
        raise TrainingError(
            f"the eval split has no image {missing} ships: use more images or a larger eval share"
        )
    ships = min(len(census.ships), max(settings.eval_images // 2, settings.eval_images - len(census.empties)))
    chosen = census.chosen(ships, True) | census.chosen(settings.eval_images - ships, False)
    images, labels = [], []
    for record in read_records(census.files):
        if record[IMAGE_ID].numpy() in chosen:
            images.append(shrink(decode_rgb(record[IMAGE_ENCODED]), settings.input_px).numpy())
            labels.append(bool(record[SHIP_COUNT] > 0))
    return LabelledImages(np.stack(images), np.array(labels))


def _image_stream(census: Census, ships: bool, settings: ClassifierSettings) -> tf.data.Dataset:
    """Endless (uint8 image, float32 [1] label) of the images with (or without) ships."""
    image_ids = census.ships if ships else census.empties
    # Half of the memory for each kind.
    cached = len(image_ids) * settings.input_px**2 * _CHANNELS / 1e6 <= settings.cache_mb / 2
    records = census.records(ships)
    if not cached:
        records = records.shuffle(_RECORD_SHUFFLE, settings.seed).repeat()
    images = records.map(
        lambda record: shrink(decode_rgb(record[IMAGE_ENCODED]), settings.input_px), tf.data.AUTOTUNE
    )
    if cached:
        images = images.cache().shuffle(min(len(image_ids), _IMAGE_SHUFFLE), settings.seed).repeat()

    def label(index: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([tf.constant(settings.seed + int(ships), tf.int64), index])
        image = turn(image, seed, settings.augment_flips, settings.augment_rotations)
        return tf.ensure_shape(image, [settings.input_px] * 2 + [_CHANNELS]), tf.constant([float(ships)])

    return images.enumerate().map(label, tf.data.AUTOTUNE)
