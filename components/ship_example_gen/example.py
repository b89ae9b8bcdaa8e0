"""One image with its label as a tf.Example."""

from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf

from components import examples
from components.ship_example_gen.labels import in_one_cell
from components.ship_example_gen.measuring import LabelledImage, Measured


@dataclass(frozen=True)
class PlannedImage:
    """All that is known of an image beside what its bytes tell.

    Attributes:
        listed: the image with its label rows.
        role: "train", "eval" or "test".
        scene_id: the scene, see `scenes.Origin`.
        extras: slicing features, column name -> value.
        duplicate_of: the image of which it is a copy; "" if none was found.
    """

    listed: LabelledImage
    role: str
    scene_id: str
    extras: dict[str, str]
    duplicate_of: str = ""


def make_example(image: PlannedImage, image_bytes: bytes, measured: Measured) -> tf.train.Example:
    """The Example of `components.examples`; the scalars of an image that cannot be decoded are absent.

    Args:
        image: what the listing and the tables say.
        image_bytes: the file as found; b"" if it could not be read.
        measured: what was found in these bytes.
    """
    label = measured.label
    ship_count = len(label.ships)
    features = {
        examples.IMAGE_ID: _strings([image.listed.image_id]),
        examples.ENCODED_PIXELS: _strings(label.ships),
        examples.SHIP_COUNT: _integer(ship_count),
        examples.SHIP_GROUP: _strings([examples.ship_group(ship_count)]),
        examples.HAS_SHIP: _integer(int(ship_count > 0)),
        examples.SHIP_PIXELS: _integer(label.ship_pixels),
        examples.SCENE_ID: _strings([image.scene_id]),
        examples.HEIGHT: _integer(measured.height),
        examples.WIDTH: _integer(measured.width),
        examples.CHANNELS: _integer(measured.channels),
        examples.FORMAT: _strings([measured.format]),
        examples.FILE_BYTES: _integer(measured.file_bytes),
        examples.SHA1: _strings([measured.sha1.hex()]),
        examples.DECODE_OK: _integer(int(measured.is_decodable)),
        examples.LABEL_OK: _integer(int(not label.faults)),
        examples.LABEL_REASON: _strings([in_one_cell(label.faults, "; ")]),
        examples.LABEL_PLAUSIBLE: _integer(int(not label.doubts)),
        examples.LABEL_DOUBT: _strings([in_one_cell(label.doubts, "; ")]),
        examples.IS_DUPLICATE: _integer(int(image.duplicate_of != "")),
        examples.DUPLICATE_OF: _strings([image.duplicate_of]),
    }
    for name, scalar in measured.scalars.items():
        features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[scalar]))
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
