"""One image with its label as a tf.Example."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf

from components import examples
from components.ship_example_gen.decoding import Decoded
from components.ship_example_gen.labels import Label, LabelRow, in_one_cell


@dataclass(frozen=True)
class ListedImage:
    """All that is known of an image before its bytes are read.

    Attributes:
        image_id: file name.
        path: where the bytes are.
        role: "train", "eval" or "test".
        scene_id: the scene, see `scenes.Origin`.
        rows: its label rows.
        extras: slicing features, column name -> value.
        duplicate_of: the image of which it is a copy; "" if none was found.
    """

    image_id: str
    path: str
    role: str
    scene_id: str
    rows: tuple[LabelRow, ...]
    extras: dict[str, str]
    duplicate_of: str = ""


def make_example(
    image: ListedImage, image_bytes: bytes, decoded: Decoded, scalars: dict[str, float], label: Label
) -> tf.train.Example:
    """The Example of `components.examples`; the scalars of an image that cannot be decoded are absent.

    Args:
        image: what the listing and the tables say.
        image_bytes: the file as found; b"" if it could not be read.
        decoded: what these bytes are.
        scalars: the measures of the pixels, by name; none for an image that cannot be decoded.
        label: the checked label rows.
    """
    ship_count = len(label.ships)
    features = {
        examples.IMAGE_ID: _strings([image.image_id]),
        examples.ENCODED_PIXELS: _strings(label.ships),
        examples.SHIP_COUNT: _integer(ship_count),
        examples.SHIP_GROUP: _strings([examples.ship_group(ship_count)]),
        examples.HAS_SHIP: _integer(int(ship_count > 0)),
        examples.SHIP_PIXELS: _integer(label.ship_pixels),
        examples.SCENE_ID: _strings([image.scene_id]),
        examples.HEIGHT: _integer(decoded.height),
        examples.WIDTH: _integer(decoded.width),
        examples.CHANNELS: _integer(decoded.channels),
        examples.FORMAT: _strings([decoded.format]),
        examples.FILE_BYTES: _integer(len(image_bytes)),
        examples.SHA1: _strings([hashlib.sha1(image_bytes, usedforsecurity=False).hexdigest()]),
        examples.DECODE_OK: _integer(int(decoded.rgb is not None)),
        examples.LABEL_OK: _integer(int(not label.faults)),
        examples.LABEL_REASON: _strings([in_one_cell(label.faults, "; ")]),
        examples.LABEL_PLAUSIBLE: _integer(int(not label.doubts)),
        examples.LABEL_DOUBT: _strings([in_one_cell(label.doubts, "; ")]),
        examples.IS_DUPLICATE: _integer(int(image.duplicate_of != "")),
        examples.DUPLICATE_OF: _strings([image.duplicate_of]),
    }
    for name, measured in scalars.items():
        features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[measured]))
    for name, text in image.extras.items():
        features[name] = _strings([text])
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Last, since each of the constructors above copies what it is given.
    example.features.feature[examples.IMAGE].bytes_list.value.append(image_bytes)
    return example


def _strings(texts: Iterable[str]) -> tf.train.Feature:
    # File names need not be valid UTF-8; the bytes that the filesystem gave are kept.
    return _bytes(text.encode(errors="surrogateescape") for text in texts)


def _bytes(values: Iterable[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integer(number: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))
