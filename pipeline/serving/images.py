"""Which images are given to the model: the heads are checked before anything is decoded."""

from collections.abc import Sequence

import tensorflow as tf
from PIL import Image

from components.ship_example_gen.decoding import MAX_PIXEL_SCANS, Header, read_header
from components.transform.decoding import decode_rgb
from pipeline.serving.faults import Fault, RequestError
from pipeline.serving.options import Limits

# What the detector's graph decodes.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP")


def check_count(count: int, limits: Limits) -> None:
    """Raises RequestError if a request holds too many images; for asking before they are unpacked."""
    if count > limits.images:
        raise RequestError(
            Fault.INVALID, f"{count} images in one request, at most {limits.images} are taken; send several"
        )


def check_images(images: Sequence[bytes], limits: Limits) -> list[Header]:
    """Refuses what the model could not decode, or not at a bearable cost.

    Args:
        images: image files, in the order of the request.
        limits: of their pixels.

    Returns:
        their heads.

    Raises:
        RequestError: one is no still image of a known format, or promises too many pixels; its index is in
            the message.
    """
    return [_header(index, image, limits) for index, image in enumerate(images)]


def undecodable(images: Sequence[bytes]) -> RequestError | None:
    """The error that names the first image that cannot be decoded; None if all can.

    The model answers a batch as a whole, so this is for finding out afterwards which image was to blame.
    """
    for index, image in enumerate(images):
        try:
            decode_rgb(tf.constant(image))
        except (tf.errors.OpError, ValueError):
            return RequestError(
                Fault.INVALID, f"image {index}: cannot be decoded to its end (damaged or cut off)"
            )
    return None


def _header(index: int, image: bytes, limits: Limits) -> Header:
    def refused(why: str) -> RequestError:
        return RequestError(Fault.INVALID, f"image {index}: {why}")

    too_large = f"at most {limits.image_pixels:,} pixels are taken"
    try:
        header = read_header(image)
    except Image.DecompressionBombError:
        raise refused(f"a decompression bomb; {too_large}") from None
    if header is None or header.format not in _FORMATS:
        told = f"is {header.format}" if header else f"these {len(image)} bytes begin no image"
        raise refused(f"{told}; expected JPEG, PNG, GIF or BMP")
    if header.frames > 1:
        raise refused("is an animation; send a single frame")
    if header.height * header.width > limits.image_pixels:
        raise refused(f"{header.width} x {header.height} px; {too_large}")
    if header.pixels_to_decode > MAX_PIXEL_SCANS:
        raise refused("a JPEG with more scans than any encoder writes")
    return header
