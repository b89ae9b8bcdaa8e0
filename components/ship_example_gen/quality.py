"""What can be measured on one image before anybody trains on it: is it whole, how large, how does it look.

The numbers are judged elsewhere, by the ranges in `schemas/ship_images.pbtxt`. Imports no TensorFlow.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

# The formats that are worth naming in a quarantine reason. Pillow knows more, but some of those start
# external programs (EPS) and none is a plausible satellite tile. The serving path decodes the first four.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000")
# 8192 x 8192, eight times a scene 2,800 px wide; a header that promises more is taken for a bomb.
_MAX_PIXELS = 1 << 26
# Luma of black borders, dead sensors and empty canvas after JPEG coding, and of a clipped white.
_DARK_LUMA = 5
_SATURATED_LUMA = 250
# Cloud rule, see `_cloud_fraction`.
_CLOUD_BLOCK_PX = 8
_CLOUD_LUMA = 150
_CLOUD_WHITENESS = 0.20
_CLOUD_GRADIENT = 12.0

SCALARS = (
    "luma_mean",
    "luma_std",
    "luma_p01",
    "luma_p99",
    "entropy",
    "sharpness",
    "dark_fraction",
    "saturated_fraction",
    "cloud_fraction",
)


@dataclass(frozen=True)
class Quality:
    """What was found in the bytes of one image.

    Attributes:
        decode_ok: 1 if every pixel could be decoded, else 0; then the sizes are 0 and `scalars` is empty.
        height: rows.
        width: columns.
        channels: bands as stored, before any conversion to RGB (grey or palette 1, RGB 3, RGBA or CMYK 4).
        format: Pillow's name of the file format ("JPEG", "PNG", "TIFF", ...), "" if unknown.
        scalars: the measures named in `SCALARS`; luma_* in 0-255 (ITU-R BT.601 luma of the 8-bit image),
            entropy in bits (0-8), sharpness in squared luma units, *_fraction in 0-1.
    """

    decode_ok: int
    height: int
    width: int
    channels: int
    format: str
    scalars: dict[str, float]


def measure(image_bytes: bytes) -> Quality:
    """Decodes an image completely and measures it. Bad bytes are a finding, never an exception.

    Pillow decodes because it refuses truncated files, which OpenCV fills up with grey without a word. What it
    accepts agrees with `tf.io.decode_image` for JPEG and PNG (held together by a test).

    Args:
        image_bytes: the file as found; may be empty or no image at all.
    """
    name = ""
    try:
        with Image.open(BytesIO(image_bytes), formats=_FORMATS) as image:
            # MPO is a JPEG with further pictures behind it; every JPEG decoder reads the first.
            name = "JPEG" if image.format == "MPO" else image.format or ""
            if image.width * image.height > _MAX_PIXELS:
                return _undecodable(name)
            if name == "PNG":
                _check_png(image_bytes)
            channels = len(image.getbands())
            rgb = _rgb8(image)
    # Every kind of damage ends in one of these, depending on the decoder that meets it.
    except (
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
    ):
        return _undecodable(name)
    height, width = rgb.shape[:2]
    return Quality(1, height, width, channels, name, measure_rgb(rgb))


def measure_rgb(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """The measures named in `SCALARS` of a decoded image.

    Args:
        rgb: uint8, [height, width, 3], at least one pixel.
    """
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    share = counts / counts.sum()
    levels = np.arange(256)
    mean = float(share @ levels)
    cumulative = np.cumsum(share)
    occupied = share[share > 0]
    # Variance of the Laplacian: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a
    # comparative study", ICPR 2000. Near 0 for blank, upsampled or defocused pictures, huge for drawn edges.
    _, laplacian_std = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return {
        "luma_mean": mean,
        "luma_std": float(np.sqrt(share @ (levels - mean) ** 2)),
        "luma_p01": float(np.searchsorted(cumulative, 0.01)),
        "luma_p99": float(np.searchsorted(cumulative, 0.99)),
        # Shannon entropy of the luma histogram; max() because one occupied level gives -0.0.
        "entropy": max(0.0, float(-(occupied @ np.log2(occupied)))),
        "sharpness": float(laplacian_std.item() ** 2),
        "dark_fraction": float(share[: _DARK_LUMA + 1].sum()),
        "saturated_fraction": float(share[_SATURATED_LUMA:].sum()),
        "cloud_fraction": _cloud_fraction(rgb),
    }


def _cloud_fraction(rgb: NDArray[np.uint8]) -> float:
    """Share of the picture that is bright, colourless and smooth, judged on means of 8x8 px blocks.

    Bright and colourless are the two visible-band tests of Fmask (Zhu & Woodcock, "Object-based cloud and
    cloud shadow detection in Landsat imagery", Remote Sensing of Environment 118, 2012): the whiteness
    sum(|band - mean|) / mean of the three visible bands is small over clouds, and their mean is high.
    Fmask's limit of 0.7 holds for reflectance; in 8-bit tiles, stretched for display, sand and roofs stay
    below it too, so the limit is tightened and smoothness asked for in addition: little change from block
    to block, unlike at the edges of roofs and quays. Without infrared, snow, foam and large white roofs
    cannot be told from cloud for certain; this is a screening figure and no cloud mask.
    """
    height, width = rgb.shape[:2]
    size = (max(1, width // _CLOUD_BLOCK_PX), max(1, height // _CLOUD_BLOCK_PX))
    blocks = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    brightness = blocks.mean(axis=2)
    whiteness = np.abs(blocks - brightness[..., None]).sum(axis=2) / np.maximum(brightness, 1.0)
    # A Sobel kernel sums to 8 times the luma step from one block to the next.
    gradient = np.hypot(cv2.Sobel(brightness, cv2.CV_32F, 1, 0), cv2.Sobel(brightness, cv2.CV_32F, 0, 1)) / 8
    cloud = (brightness > _CLOUD_LUMA) & (whiteness < _CLOUD_WHITENESS) & (gradient < _CLOUD_GRADIENT)
    return float(cloud.mean())


def _rgb8(image: Image.Image) -> NDArray[np.uint8]:
    """All pixels as uint8 [height, width, 3]; integers and floats of more than 8 bits are scaled to 0-255."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
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


def _undecodable(name: str) -> Quality:
    return Quality(0, 0, 0, 0, name, {})
