"""Reading Transform's records for the trainers.

A record is a tf.Example with `image_id`, `image_encoded` (JPEG or PNG of the contrast-adjusted RGB image),
`mask_png` (one channel, ship where > 0) and `ship_count`.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from components.errors import TrainingError
from components.examples import IMAGE_ID, SHIP_COUNT
from components.transform.decoding import decode_rgb

IMAGE_ENCODED = "image_encoded"
MASK_PNG = "mask_png"

_FEATURES = {
    IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
    IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
    MASK_PNG: tf.io.FixedLenFeature([], tf.string),
    SHIP_COUNT: tf.io.FixedLenFeature([], tf.int64),
}
_HEAD_FEATURES = {name: _FEATURES[name] for name in (IMAGE_ID, SHIP_COUNT)}
_PARSE_BATCH = 64


@dataclass(frozen=True)
class Census:
    """What a split holds.

    Attributes:
        files: its record files.
        ships: ids of the images with ships.
        empties: ids of the images without.
        image_pixels: height x width of its first image.
    """

    files: tuple[str, ...]
    ships: tuple[bytes, ...]
    empties: tuple[bytes, ...]
    image_pixels: int

    def chosen(self, count: int, ships: bool) -> frozenset[bytes]:
        """At most `count` image ids with (or without) ships, the same ones whatever the order of records."""
        ids = self.ships if ships else self.empties
        return frozenset(sorted(ids, key=lambda image_id: (zlib.crc32(image_id), image_id))[:count])


def take_census(patterns: Sequence[str]) -> Census:
    """Go through the records of a split once, decoding only the first image.

    Raises:
        TrainingError: the patterns match no files, or the files hold no records.
    """
    files = tuple(sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern)))
    if not files:
        raise TrainingError(f"no training records match {list(patterns)}")
    ships: list[bytes] = []
    empties: list[bytes] = []
    heads = (
        _raw_records(files)
        .batch(_PARSE_BATCH)
        .map(lambda records: tf.io.parse_example(records, _HEAD_FEATURES), tf.data.AUTOTUNE)
    )
    for head in heads.as_numpy_iterator():
        for image_id, count in zip(head[IMAGE_ID], head[SHIP_COUNT], strict=True):
            (ships if count else empties).append(image_id)
    if not ships and not empties:
        raise TrainingError(f"the records of {list(patterns)} are empty")
    first = next(iter(read_records(files).take(1)))
    height, width, _ = decode_rgb(first[IMAGE_ENCODED]).shape
    return Census(files, tuple(ships), tuple(empties), height * width)


def read_records(files: Sequence[str], ships: bool | None = None) -> tf.data.Dataset:
    """Parsed records, images still encoded.

    Args:
        files: gzip TFRecord files.
        ships: only images with ships (True), without (False), or all of them (None).
    """
    records = _raw_records(files).map(
        lambda record: tf.io.parse_single_example(record, _FEATURES), tf.data.AUTOTUNE
    )
    if ships is None:
        return records
    return records.filter(lambda record: tf.equal(record[SHIP_COUNT] > 0, ships))


def decode_mask(mask_png: tf.Tensor) -> tf.Tensor:
    """PNG bytes to uint8 [H, W, 1] of 0 (no ship) and 1 (ship)."""
    return tf.cast(tf.io.decode_png(mask_png, channels=1) > 0, tf.uint8)


def _raw_records(files: Sequence[str]) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP")
