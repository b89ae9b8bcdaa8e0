"""All that one image and its label rows tell, once its bytes have been read: a few KB without the bytes.

Each image is decoded once. What is known then says nothing about its role, so it can wait on disk until the
role is known, see `measuring_pass`. Imports no Beam, and TensorFlow only with the first JPEG.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import google_crc32c

from components.ship_example_gen.decoding import Decoded, decode
from components.ship_example_gen.fingerprints import fingerprint_of
from components.ship_example_gen.labels import Label, LabelRow, judge_rows
from components.ship_example_gen.listing import read_or_nothing, told_if_too_large
from components.ship_example_gen.quality import measure
from components.ship_example_gen.settings import ShipLimits

# The size of an Airbus tile: what the runs of an image that cannot be decoded are checked against.
_NOMINAL_PX = 768


@dataclass(frozen=True)
class LabelledImage:
    """An image as it is listed, with its rows of the label table.

    Attributes:
        image_id: file name.
        path: where the bytes are.
        rows: its label rows.
        size: bytes, as listed; -1 if that is not known.
    """

    image_id: str
    path: str
    rows: tuple[LabelRow, ...]
    size: int = -1


@dataclass(frozen=True)
class Measured:
    """What was found in one image file and its label rows.

    Attributes:
        image_id: file name.
        file_bytes: size of the file.
        sha1: of the file, 20 bytes.
        crc32c: of the file; tells within a run, in a fifth of the time, that it is still the same.
        format: as in `Decoded`, like the next three.
        channels: likewise.
        height: likewise.
        width: likewise.
        decode_reason: `Decoded.reason`, or that the file is too large to be read.
        scalars: the measures of the pixels, by name; none for an image that cannot be decoded.
        label: the checked label rows.
    """

    image_id: str
    file_bytes: int
    sha1: bytes
    crc32c: int
    format: str
    channels: int
    height: int
    width: int
    decode_reason: str
    scalars: dict[str, float]
    label: Label

    def is_of(self, image_id: str, image_bytes: bytes) -> bool:
        """Whether it was found in these bytes of this image."""
        return (self.image_id, self.file_bytes, self.crc32c) == (
            image_id,
            len(image_bytes),
            google_crc32c.value(image_bytes),
        )

    @property
    def is_decodable(self) -> bool:
        """Whether every pixel could be decoded."""
        return self.height > 0


@dataclass(frozen=True)
class Measure:
    """Measures images.

    Attributes:
        labels: path of the label table, for the issues.
        limits: sizes that a labelled ship may have.
    """

    labels: str
    limits: ShipLimits

    def __call__(self, image: LabelledImage, image_bytes: bytes) -> Measured:
        """Decodes and measures the bytes of an image (b"" if they could not be read)."""
        return self.decoded(image, image_bytes, decode(image_bytes))

    def decoded(self, image: LabelledImage, image_bytes: bytes, decoded: Decoded) -> Measured:
        """The same for an image that has been decoded."""
        size = (decoded.height or _NOMINAL_PX, decoded.width or _NOMINAL_PX)
        return Measured(
            image_id=image.image_id,
            file_bytes=len(image_bytes),
            # What a file is told from others by; no protection against those who wish to deceive.
            sha1=hashlib.sha1(image_bytes, usedforsecurity=False).digest(),
            crc32c=google_crc32c.value(image_bytes),
            format=decoded.format,
            channels=decoded.channels,
            height=decoded.height,
            width=decoded.width,
            decode_reason=decoded.reason or told_if_too_large(image.size),
            scalars=measure(decoded),
            label=judge_rows(
                self.labels, image.image_id, image.rows, size=size, limits=self.limits, luma=decoded.luma
            ),
        )


def measure_files(
    measure: Measure, images: Sequence[tuple[int, LabelledImage]], with_fingerprints: bool
) -> list[tuple[bytes, Measured]]:
    """Record of the fingerprint (see `Fingerprint.to_bytes`) and measurements of some images.

    Args:
        measure: the rules.
        images: the images with their places in the listing; they need not be readable.
        with_fingerprints: else the records are b"", and save their time.
    """
    found = []
    for index, image in images:
        image_bytes = read_or_nothing(image.path, image.size)
        decoded = decode(image_bytes)
        measured = measure.decoded(image, image_bytes, decoded)
        record = b""
        if with_fingerprints:
            # Files that cannot be read are no copies of each other.
            record = fingerprint_of(measured.sha1 if image_bytes else b"", decoded).to_bytes(index)
        found.append((record, measured))
    return found
