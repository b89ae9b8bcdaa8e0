"""One image with its label as a tf.train.Example. Imports neither TensorFlow nor Beam."""

from dataclasses import dataclass
from typing import Any

from components import examples
from components.example_messages import Example
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


def make_example(image: PlannedImage, image_bytes: bytes, measured: Measured) -> Any:
    """The Example of `components.examples`; the scalars of an image that cannot be decoded are absent.

    Args:
        image: what the listing and the tables say.
        image_bytes: the file as found; b"" if it could not be read.
        measured: what was found in these bytes.

    Returns:
        A message of `components.example_messages`.
    """
    label = measured.label
    ship_count = len(label.ships)
    example = Example()
    feature = example.features.feature
    texts = {
        examples.IMAGE_ID: [image.listed.image_id],
        examples.ENCODED_PIXELS: label.ships,
        examples.SHIP_GROUP: [examples.ship_group(ship_count)],
        examples.SCENE_ID: [image.scene_id],
        examples.FORMAT: [measured.format],
        examples.SHA1: [measured.sha1.hex()],
        examples.DECODE_REASON: [measured.decode_reason],
        examples.LABEL_REASON: [in_one_cell(label.faults, "; ")],
        examples.LABEL_DOUBT: [in_one_cell(label.doubts, "; ")],
        examples.DUPLICATE_OF: [image.duplicate_of],
        **{name: [text] for name, text in image.extras.items()},
    }
    for name, values in texts.items():
        # File names need not be valid UTF-8; the bytes that the filesystem gave are kept.
        feature[name].bytes_list.value.extend(text.encode(errors="surrogateescape") for text in values)
    integers = {
        examples.SHIP_COUNT: ship_count,
        examples.HAS_SHIP: int(ship_count > 0),
        examples.SHIP_PIXELS: label.ship_pixels,
        examples.HEIGHT: measured.height,
        examples.WIDTH: measured.width,
        examples.CHANNELS: measured.channels,
        examples.FILE_BYTES: measured.file_bytes,
        examples.DECODE_OK: int(measured.is_decodable),
        examples.LABEL_OK: int(not label.faults),
        examples.LABEL_PLAUSIBLE: int(not label.doubts),
        examples.IS_DUPLICATE: int(image.duplicate_of != ""),
    }
    for name, number in integers.items():
        feature[name].int64_list.value.append(number)
    for name, scalar in measured.scalars.items():
        feature[name].float_list.value.append(scalar)
    feature[examples.IMAGE].bytes_list.value.append(image_bytes)
    return example
