"""Ships on an image of any size: windows with overlap, asked one by one and joined without seams.

A window answers for its core, the middle part; cores cover the image once. What a ship in the core has beyond
it, up to half the halo, is taken too: there the network still sees the surroundings. So the two halves of a
ship at a border of cores come from windows that both see both, and where the classifier silences one of the
windows, the other still gives what lies near. In memory are the pixels of one row of windows, and the ships
that have not ended yet.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from components.masks import rle
from components.masks.instances import Instance, stream_instances
from components.parallel import in_order
from pipeline.prediction.journal import Picture, Ship
from pipeline.serving.detectors import Detector, Found

# Near the edge of the tiles of the challenge: the classifier judges as much ground at once as in evaluation.
TILE_PX = 1024
HALO_PX = 128
# A network with strides sees the same ship alike only when shifted by whole strides.
_STRIDE_PX = 32
# Compressed little: the bytes are read once, and on the same machine or in the same network.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)

_Pixels = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]


class Rows(Protocol):
    """An image whose rows can be read, each once and from top to bottom."""

    picture: Picture

    def rows(self, top: int, bottom: int) -> _Pixels:
        """uint8 [bottom - top, width, 3] RGB."""


@dataclass(frozen=True)
class Span:
    """A window along one axis, in px: [start, end), of which it answers for [core_start, core_end)."""

    start: int
    end: int
    core_start: int
    core_end: int


def spans(length: int, tile_px: int = TILE_PX, halo_px: int = HALO_PX) -> list[Span]:
    """Windows along an axis; neighbours overlap by twice the halo or more, and share it at its middle.

    Args:
        length: of the axis in px.
        tile_px: length of a window, a multiple of 32 (the last one may be up to 31 px longer).
        halo_px: how much a core lacks of its window on either side, a multiple of 32.
    """
    if length <= tile_px:
        return [Span(0, length, 0, length)]
    last = (length - tile_px) // _STRIDE_PX * _STRIDE_PX
    starts = [*range(0, last, tile_px - 2 * halo_px), last]
    ends = [*(start + tile_px for start in starts[:-1]), length]
    borders = [(end + start) // 2 for end, start in zip(ends[:-1], starts[1:], strict=True)]
    return [Span(*span) for span in zip(starts, ends, [0, *borders], [*borders, length], strict=True)]


def find_ships(
    image: Rows, detector: Detector, pool: Executor, min_pixels: int, told: Callable[[int], None]
) -> Iterator[Ship]:
    """The ships of an image from top to bottom, by their last rows.

    Args:
        image: is read once, from top to bottom.
        detector: is asked for each window that is not all black.
        pool: for asking about several windows at once.
        min_pixels: ships with fewer are left out.
        told: called with the number of windows to go.

    Raises:
        RefusedImageError: from the detector.
        OSError: the image cannot be read to its end.
    """
    down, across = spans(image.picture.height), spans(image.picture.width)
    scores = np.zeros((len(down), len(across)))

    def bands() -> Iterator[_Flags]:
        canvas = np.zeros((0, image.picture.width), np.bool_)
        top = 0
        pixels = np.zeros((0, image.picture.width, 3), np.uint8)
        for row, span in enumerate(down):
            # The upper part has been read for the row above.
            known = down[row - 1].end if row else 0
            overlap = pixels[len(pixels) - (known - span.start) :] if row else pixels
            pixels = np.concatenate([overlap, image.rows(known, span.end)])
            canvas = np.pad(canvas, ((0, span.end - top - len(canvas)), (0, 0)))
            windows = [pixels[:, column.start : column.end] for column in across]
            answers = in_order(pool, lambda window: _ask(detector, window), windows, ahead=2)
            for number, (column, found) in enumerate(zip(across, answers, strict=True)):
                scores[row, number] = found.ship_probability
                if found.encoded_pixels:
                    _draw(canvas, top, found.encoded_pixels, span, column)
                told((len(down) - row) * len(across) - number - 1)
            # Further rows may still get a part of a ship of the next windows.
            done = down[row + 1].core_start - HALO_PX // 2 if row + 1 < len(down) else span.end
            yield canvas[: done - top]
            canvas, top = canvas[done - top :], done

    core_tops, core_lefts = ([span.core_start for span in axis] for axis in (down, across))
    for instance in stream_instances(bands(), image.picture.height, min_pixels):
        yield Ship(instance, _score(instance, scores, core_tops, core_lefts))


def _ask(detector: Detector, window: _Pixels) -> Found:
    # Scenes lie askew within their files, with black around them.
    if not window.any():
        return Found("", 0.0)
    png = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(window), cv2.COLOR_RGB2BGR), _PNG)[1]
    return detector.find(png.tobytes())


def _draw(canvas: _Flags, top: int, encoded: str, row: Span, column: Span) -> None:
    """Draw the ships that reach into the core of a window onto a canvas of which `top` is the first row."""
    mask = rle.decode(encoded, row.end - row.start, column.end - column.start)
    rows, core_rows = _reach(row)
    columns, core_columns = _reach(column)
    near = mask[rows, columns]
    _, labels = cv2.connectedComponents(near, connectivity=8)
    inside = np.unique(labels[core_rows, core_columns])
    y, x = row.start + rows.start - top, column.start + columns.start
    place = canvas[y : y + len(near), x : x + near.shape[1]]
    place |= (near > 0) & np.isin(labels, inside[inside > 0])


def _reach(span: Span) -> tuple[slice, slice]:
    """The core with half the halo, within the window; and the core within that."""
    first = max(span.core_start - HALO_PX // 2, span.start)
    last = min(span.core_end + HALO_PX // 2, span.end)
    return (
        slice(first - span.start, last - span.start),
        slice(span.core_start - first, span.core_end - first),
    )


def _score(
    instance: Instance, scores: npt.NDArray[np.float64], core_tops: list[int], core_lefts: list[int]
) -> float:
    """The highest probability of the windows whose cores a ship lies in."""

    def touched(starts: list[int], first: int, length: int) -> slice:
        from_, to = np.searchsorted(starts, [first, first + length - 1], side="right")
        return slice(int(from_) - 1, int(to))

    cells = scores[
        touched(core_tops, instance.top, instance.height), touched(core_lefts, instance.left, instance.width)
    ]
    # Seven digits are float32's.
    return float(f"{cells.max():.7g}")
