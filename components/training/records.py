"""Reading Transform's records for the trainers.

A record is a tf.Example with `image_id`, `image_encoded` (JPEG or PNG of the contrast-adjusted RGB image),
`mask_png` (one channel, ship where > 0) and `ship_count`.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
        ship_files: those of them that hold images with ships.
        empty_files: those that hold images without.
        ships: ids of the images with ships.
        empties: ids of the images without.
        image_pixels: height x width of its first image.
    """

    files: tuple[str, ...]
    ship_files: tuple[str, ...]
    empty_files: tuple[str, ...]
    ships: tuple[bytes, ...]
    empties: tuple[bytes, ...]
    image_pixels: int

    def chosen(self, count: int, ships: bool) -> frozenset[bytes]:
        """At most `count` image ids with (or without) ships, the same ones whatever the order of records."""
        ids = self.ships if ships else self.empties
        return frozenset(sorted(ids, key=lambda image_id: (zlib.crc32(image_id), image_id))[:count])

    def records(self, ships: bool) -> tf.data.Dataset:
        """Parsed records of the images with (or without) ships, in the order of the files.

        Splits keep the two kinds apart, and there may be many times more images without: files that hold
        none of the wanted kind are not even decompressed.
        """
        files = self.ship_files if ships else self.empty_files
        return read_records(files).filter(lambda record: tf.equal(record[SHIP_COUNT] > 0, ships))


def take_census(patterns: Sequence[str]) -> Census:
    """Go through the records of a split once, decoding only the first image.

    Raises:
        TrainingError: the patterns match no files, or the files hold no records.
    """
    files = tuple(sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern)))
    if not files:
        raise TrainingError(f"no training records match {list(patterns)}")
    # Of one kind, by file.
    ships: dict[str, list[bytes]] = {}
    empties: dict[str, list[bytes]] = {}
    for file in files:
        heads = (
            _raw_records([file])
            .batch(_PARSE_BATCH)
            .map(lambda records: tf.io.parse_example(records, _HEAD_FEATURES), tf.data.AUTOTUNE)
        )
        for head in heads.as_numpy_iterator():
            for image_id, count in zip(head[IMAGE_ID], head[SHIP_COUNT], strict=True):
                (ships if count else empties).setdefault(file, []).append(image_id)
    if not ships and not empties:
        raise TrainingError(f"the records of {list(patterns)} are empty")
    first = next(iter(read_records(files).take(1)))
    height, width, _ = decode_rgb(first[IMAGE_ENCODED]).shape
    return Census(
        files,
        tuple(ships),
        tuple(empties),
        tuple(chain.from_iterable(ships.values())),
        tuple(chain.from_iterable(empties.values())),
        height * width,
    )


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Parsed records of gzip TFRecord files, images still encoded."""
    return _raw_records(files).map(
        lambda record: tf.io.parse_single_example(record, _FEATURES), tf.data.AUTOTUNE
    )


def decode_mask(mask_png: tf.Tensor) -> tf.Tensor:
    """PNG bytes to uint8 [H, W, 1] of 0 (no ship) and 1 (ship)."""
    return tf.cast(tf.io.decode_png(mask_png, channels=1) > 0, tf.uint8)


def _raw_records(files: Sequence[str]) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP")
