"""Bytes of one image file to pixels, or the finding that they are no whole image.

TensorFlow is imported with the first GIF, BMP or JPEG that is not plain: neither the command line nor
processes that measure images are to wait for it, or hold its 350 MB.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

# What `tf.io.decode_image` reads, and with it training and serving.
_DECODED = ("JPEG", "PNG", "GIF", "BMP")
# The formats that are worth naming in a quarantine reason. Pillow knows more, but some of those start
# external programs (EPS) and none is a plausible satellite tile.
_FORMATS = (*_DECODED, "TIFF", "WEBP", "JPEG2000")
# 8192 x 8192, eight times a scene 2,800 px wide; a header that promises more is taken for a bomb.
_MAX_PIXELS = 1 << 26
# A progressive JPEG goes over all its pixels once a scan, as often as it likes; encoders write about ten.
MAX_PIXEL_SCANS = 1 << 30
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
# Turned as it lies in the file, as TensorFlow sees it.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Every kind of damage ends in one of these, depending on the decoder that meets it.
_DAMAGE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Decoded:
    """What was found in the bytes of one image.

    Attributes:
        format: Pillow's name of the file format ("JPEG", "PNG", "TIFF", ...), "" if unknown.
        channels: bands as stored, before any conversion to RGB (grey or palette 1, RGB 3, RGBA or CMYK 4);
            0 if the image cannot be decoded.
        rgb: uint8 [height, width, 3]; None if not every pixel could be decoded.
        luma_steps: the 64 quantization steps of a JPEG's first table; empty for other formats.
        reason: why an image that need not be damaged has no pixels here; "" if there is no more to say than
            that not all of it can be decoded.
    """

    format: str
    channels: int
    rgb: NDArray[np.uint8] | None
    luma_steps: tuple[int, ...] = ()
    reason: str = ""

    @property
    def height(self) -> int:
        """Rows; 0 if the image cannot be decoded."""
        return 0 if self.rgb is None else self.rgb.shape[0]

    @property
    def width(self) -> int:
        """Columns; 0 if the image cannot be decoded."""
        return 0 if self.rgb is None else self.rgb.shape[1]

    @cached_property
    def luma(self) -> NDArray[np.uint8] | None:
        """Brightness (ITU-R BT.601) as uint8 [height, width]; None if the image cannot be decoded."""
        return None if self.rgb is None else np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY))


@dataclass(frozen=True)
class Header:
    """What the head of an image file promises; no pixel has been decoded.

    Attributes:
        format: Pillow's name of the file format.
        height: in px.
        width: in px.
        frames: 2 stands for any number above 1.
        pixels_to_decode: how many pixels a decoder goes over; of a progressive JPEG in each of its scans.
    """

    format: str
    height: int
    width: int
    frames: int
    pixels_to_decode: int


def read_header(image_bytes: bytes) -> Header | None:
    """Size and format of an image as its head states them; None if the bytes begin no image.

    Cheap whatever is promised, so that a decompression bomb can be refused. It does not say that the
    pixels follow.

    Raises:
        Image.DecompressionBombError: so many pixels that Pillow does not even tell the size.
    """
    try:
        with Image.open(BytesIO(image_bytes), formats=_FORMATS) as image:
            name, pixels = _format(image), image.width * image.height
            scans = image_bytes.count(_START_OF_SCAN) if name == "JPEG" else 1
            # What follows the first picture of an MPO is not looked at by any JPEG decoder.
            animated = name != "JPEG" and getattr(image, "is_animated", False)
            return Header(name, image.height, image.width, 2 if animated else 1, pixels * scans)
    except Image.DecompressionBombError:
        raise
    except _DAMAGE:
        return None


def stated_pixels(path: Path) -> int:
    """Height x width of an image file of any size as its head states them; 0 if it begins no image.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            with Image.open(file, formats=_FORMATS) as image:
                return image.width * image.height
        except Image.DecompressionBombError:
            # So many that Pillow does not tell.
            return _MAX_PIXELS + 1
        except _DAMAGE:
            return 0


def decode(image_bytes: bytes) -> Decoded:
    """Decodes an image completely. Bad bytes are a finding, never an exception.

    What TensorFlow refuses could not be used in training and serving, so it has no pixels here. The pixels of
    a plain JPEG come from OpenCV, which takes four fifths of TensorFlow's time and two thirds of Pillow's for
    the same ones (see `_is_plain`); those of all others from TensorFlow itself. Other formats are decoded by
    Pillow; what it accepts of a PNG agrees with `tf.io.decode_image`, and a GIF or BMP is decoded by both.
    Tests see to this.

    Args:
        image_bytes: the file as found; may be empty or no image at all.
    """
    name = ""
    try:
        with Image.open(BytesIO(image_bytes), formats=_FORMATS) as image:
            name = _format(image)
            if name not in _DECODED:
                return Decoded(name, 0, None, reason=f"{name} is none of {', '.join(_DECODED)}")
            if image.width * image.height > _MAX_PIXELS:
                return Decoded(name, 0, None)
            if name == "PNG":
                _check_png(image_bytes)
            channels = len(image.getbands())
            rgb = _decode_jpeg(image_bytes, image) if name == "JPEG" else _rgb8(image)
            if name in ("GIF", "BMP") and not _is_seen_by_tensorflow(image_bytes, image, rgb):
                return Decoded(name, 0, None, reason=f"a {name} of a kind that TensorFlow does not read")
            luma_steps = tuple(getattr(image, "quantization", {}).get(0, ()))
    except _DAMAGE:
        return Decoded(name, 0, None)
    return Decoded(name, channels, rgb, luma_steps)


def _format(image: Image.Image) -> str:
    # MPO is a JPEG with further pictures behind it; every JPEG decoder reads the first.
    return "JPEG" if image.format == "MPO" else image.format or ""


def _decode_jpeg(image_bytes: bytes, image: Image.Image) -> NDArray[np.uint8]:
    """All pixels as uint8 [height, width, 3]; ValueError if they are not all there or take too long."""
    if image.mode in ("L", "RGB") and "progressive" not in image.info and _is_plain(image_bytes):
        rgb = cv2.imdecode(np.frombuffer(image_bytes, np.uint8), _AS_STORED)
        if rgb is not None:
            return np.asarray(rgb, np.uint8)
    import tensorflow as tf  # noqa: PLC0415 - heavy, see module docstring

    _check_scans(image.width * image.height, image_bytes.count(_START_OF_SCAN))
    try:
        # The view of the tensor: `.numpy()` would copy it.
        # The exact transform gives the pixels of every other decoder; TensorFlow's default is 5 % faster.
        exact = "INTEGER_ACCURATE"
        return np.asarray(tf.io.decode_jpeg(image_bytes, channels=3, dct_method=exact))
    except tf.errors.OpError as error:
        raise ValueError(str(error)) from error


def _is_plain(image_bytes: bytes) -> bool:
    """Whether a JPEG ends with its first scan, with no marker on the way but restarts (ITU-T T.81, B.1).

    Then it has all that decoders read, and they agree. OpenCV fills truncated files up with grey without a
    word, and what follows the last row of pixels it does not look at, while TensorFlow refuses what is wrong
    there.
    """
    start = image_bytes.find(_START_OF_SCAN)
    if start < 0 or not image_bytes.endswith(_END_OF_IMAGE):
        return False
    scan = np.frombuffer(image_bytes, np.uint8, offset=start + len(_START_OF_SCAN))
    codes = scan[np.flatnonzero(scan[:-1] == 0xFF) + 1]
    # 0 stands behind an FF that is a part of the picture; D0 to D7 are restarts.
    within = codes[:-1]
    return bool(codes[-1] == _END_OF_IMAGE[1] and ((within == 0) | (within & 0xF8 == 0xD0)).all())


def _check_scans(pixels: int, scans: int) -> None:
    """Raises ValueError if a decoder goes over the pixels more often than any encoder makes it."""
    if pixels * scans > MAX_PIXEL_SCANS:
        raise ValueError("more scans than any encoder writes")


def _is_seen_by_tensorflow(image_bytes: bytes, image: Image.Image, rgb: NDArray[np.uint8]) -> bool:
    """Whether TensorFlow sees the same pixels: it refuses a BMP of 1 bit, and takes a palette for grey.

    Raises:
        ValueError: an animation that takes too long, since all its frames are decoded for the first one.
    """
    import tensorflow as tf  # noqa: PLC0415 - heavy, see module docstring

    _check_scans(image.width * image.height, getattr(image, "n_frames", 1))
    try:
        seen = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    except tf.errors.OpError:
        return False
    return np.array_equal(rgb, seen)


def _rgb8(image: Image.Image) -> NDArray[np.uint8]:
    """All pixels as uint8 [height, width, 3]; integers of more than 8 bits are scaled to 0-255."""
    if image.mode.startswith("I"):
        values = np.asarray(image, dtype=np.float32)
        top = float(values.max(initial=0.0))
        grey = (values.clip(0) * (255 / top) if top > 255 else values.clip(0)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _check_png(image_bytes: bytes) -> None:
    """Raises SyntaxError unless every chunk of a PNG up to its end has the right checksum.

    Pillow skips the checksums of the pixel data and does without the end; TensorFlow's libpng refuses both.
    """
    at = 8  # behind the signature
    kind = b""
    while kind != b"IEND":
        length = int.from_bytes(image_bytes[at : at + 4])
        checked = memoryview(image_bytes)[at + 4 : at + 8 + length]
        checksum = image_bytes[at + 8 + length : at + 12 + length]
        if len(checksum) < 4 or zlib.crc32(checked) != int.from_bytes(checksum):
            raise SyntaxError(f"PNG chunk at byte {at} is damaged")
        kind = bytes(checked[:4])
        at += 12 + length
