"""The ships on one image file: asked about as it is, or by windows where it is a large one."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.masks import rle
from components.masks.instances import instances
from components.ship_example_gen.decoding import stated_pixels
from components.transform.decoding import decode_rgb
from pipeline.prediction import rasters
from pipeline.prediction.journal import Entry, Picture, Ship
from pipeline.prediction.scenes import TILE_PX, find_ships
from pipeline.serving.detectors import Detector, header_of
from pipeline.serving.faults import RefusedImageError
from pipeline.serving.options import Limits

# "II*" and "MM*" of TIFF, and "+" for those above 4 GB.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Look:
    """What the first look at a file gave.

    Attributes:
        entries: the picture and its ships.
        by_windows: nothing yet; it is to be read by windows.
        reason: why there is no answer, "" if there is one.
    """

    entries: tuple[Entry, ...] = ()
    by_windows: bool = False
    reason: str = ""


def look(path: Path, detector: Detector, min_pixels: int) -> Look:
    """Ask about an image file as it is, unless it is a large one or one that the model does not decode."""
    try:
        with path.open("rb") as file:
            begin = file.read(4)
        if begin in _TIFF or stated_pixels(path) > Limits().image_pixels:
            return Look(by_windows=True)
        image = path.read_bytes()
        header = header_of(image)
        if max(header.height, header.width) > TILE_PX:
            return Look(by_windows=True)
        found = detector.find(image)
    except OSError as error:
        return Look(reason=f"cannot be read: {error.strerror or error}")
    except RefusedImageError as error:
        return Look(reason=str(error))
    picture = Picture(path.name, header.height, header.width)
    if not found.encoded_pixels:
        return Look((picture,))
    mask = rle.decode(found.encoded_pixels, header.height, header.width)
    score = float(f"{found.ship_probability:.7g}")
    return Look((picture, *(Ship(ship, score) for ship in instances(mask, min_pixels))))


def look_by_windows(
    path: Path, detector: Detector, pool: Executor, min_pixels: int, told: Callable[[int], None]
) -> Iterator[Entry]:
    """The picture and its ships, one after the other while it is being read.

    Args:
        path: a GeoTIFF or an image of any size.
        detector: who is asked.
        pool: for asking about several windows at once.
        min_pixels: ships with fewer are left out.
        told: called with the number of windows to go.

    Raises:
        RefusedImageError: it cannot be read to its end, perhaps only after some of its ships.
    """
    try:
        with path.open("rb") as file:
            is_tiff = file.read(4) in _TIFF
        if is_tiff or stated_pixels(path) > Limits().image_pixels:
            with rasters.open_raster(path) as raster:
                yield raster.picture
                yield from find_ships(raster, detector, pool, min_pixels, told)
        else:
            image = _Decoded(path)
            yield image.picture
            yield from find_ships(image, detector, pool, min_pixels, told)
    except OSError as error:
        raise RefusedImageError(f"cannot be read to its end: {error.strerror or error}") from error


def entries_of(path: Path, detector: Detector, pool: Executor, min_pixels: int) -> Iterator[Entry]:
    """The picture and its ships, whatever its size.

    Raises:
        RefusedImageError: there is no answer.
    """
    first = look(path, detector, min_pixels)
    if first.reason:
        raise RefusedImageError(first.reason)
    if first.by_windows:
        yield from look_by_windows(path, detector, pool, min_pixels, lambda left: None)
    yield from first.entries


class _Decoded:
    """An ordinary image, in memory."""

    def __init__(self, path: Path) -> None:
        try:
            # The very pixels that the model would see.
            self._pixels: npt.NDArray[np.uint8] = decode_rgb(tf.constant(path.read_bytes())).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise RefusedImageError("cannot be decoded to its end (damaged or cut off)") from error
        self.picture = Picture(path.name, *self._pixels.shape[:2])

    def rows(self, top: int, bottom: int) -> npt.NDArray[np.uint8]:
        """See scenes.Rows."""
        return self._pixels[top:bottom]
