import hashlib
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from numpy.typing import NDArray
from PIL import Image
from tensorflow_metadata.proto.v0 import schema_pb2

from components.examples import ship_group
from components.ship_example_gen.decoding import decode
from components.ship_example_gen.quality import measure
from schemas import SHIP_IMAGES

MakeExample = Callable[..., tf.train.Example]


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    return text_format.Parse(SHIP_IMAGES.read_text(), schema_pb2.Schema())


@pytest.fixture(scope="session")
def sea_jpeg() -> bytes:
    """A textured dark blue-green sea."""
    # Waves, unlike noise, go on from pixel to pixel.
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 20, (768, 768, 3)), (0, 0), 1.2)
    return jpeg((np.array([30, 50, 60]) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def make_example() -> MakeExample:
    """Builds the example of an image as ShipExampleGen does, as far as the screener is concerned."""

    def make(image: bytes, image_id: str = "a.jpg", label_reason: str = "") -> tf.train.Example:
        decoded = decode(image)
        scalars = measure(decoded)
        values: dict[str, list[int] | list[float] | list[bytes]] = {
            "image_id": [image_id.encode()],
            "image": [image],
            "sha1": [hashlib.sha1(image).hexdigest().encode()],
            "scene_id": [b"scene"],
            "encoded_pixels": [],
            "ship_count": [0],
            "ship_group": [ship_group(0).encode()],
            "has_ship": [0],
            "ship_pixels": [0],
            "label_ok": [0 if label_reason else 1],
            "label_reason": [label_reason.encode()],
            "label_plausible": [1],
            "is_duplicate": [0],
            "decode_ok": [int(decoded.rgb is not None)],
            "height": [decoded.height],
            "width": [decoded.width],
            "channels": [decoded.channels],
            "format": [decoded.format.encode()],
            "file_bytes": [len(image)],
            "Source": [b"made up"],
            **{name: [value] for name, value in scalars.items()},
        }
        example = tf.train.Example()
        for name, items in values.items():
            feature = example.features.feature[name]
            for item in items:
                if isinstance(item, bytes):
                    feature.bytes_list.value.append(item)
                elif isinstance(item, float):
                    feature.float_list.value.append(item)
                else:
                    feature.int64_list.value.append(item)
        return example

    return make


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95)
    return file.getvalue()
