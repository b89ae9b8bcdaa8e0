"""A mask taken apart into ships: pixels that touch, corners included, are one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.masks import rle

Mask = npt.NDArray[np.generic]
_Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Instance:
    """One connected component of a mask.

    Attributes:
        top: first row, in px from the image's top.
        left: first column, in px from the image's left.
        height: rows in px.
        width: columns in px.
        area_px: its pixels.
        encoded: run-length string within the whole image.
    """

    top: int
    left: int
    height: int
    width: int
    area_px: int
    encoded: str


@dataclass(frozen=True)
class _Piece:
    """Pixels of a component within one band, in the smallest box: bool [h, w] at (top, left)."""

    top: int
    left: int
    pixels: npt.NDArray[np.bool_]


def instances(mask: Mask, min_area_px: int = 1) -> list[Instance]:
    """The 8-connected components of a mask, largest first.

    Args:
        mask: bool or uint8 [height, width]; anything but 0 is ship.
        min_area_px: smaller ones are left out.
    """
    found = stream_instances([mask], len(mask), min_area_px)
    return sorted(found, key=lambda one: (-one.area_px, one.top, one.left))


def stream_instances(bands: Iterable[Mask], height: int, min_area_px: int = 1) -> Iterator[Instance]:
    """The 8-connected components of a mask that is never held as a whole, each when its last row has passed.

    In memory are one band and the components that reach its last row.

    Args:
        bands: bool or uint8 [rows, width], the mask from top to bottom in bands of any numbers of rows.
        height: rows of all bands.
        min_area_px: smaller ones are left out.
    """
    # What is known so far of each component that may go on, and which of them the last row belongs to.
    unfinished: list[list[_Piece]] = []
    last_row = np.zeros(0, np.int32)
    top = 0
    for band in bands:
        if not band.size:
            continue
        labels, pieces = _label(band, top)
        top += len(band)
        groups = _joined(last_row, labels[0], len(unfinished), len(pieces))
        joined: dict[int, list[_Piece]] = {}
        for group, known in zip(groups, [*unfinished, *([piece] for piece in pieces)], strict=True):
            joined.setdefault(int(group), []).extend(known)
        below = labels[-1]
        of_label = groups[len(unfinished) :]
        goes_on = dict.fromkeys(of_label[below[below > 0] - 1].tolist())
        number = {group: index + 1 for index, group in enumerate(goes_on)}
        unfinished = [joined.pop(group) for group in goes_on]
        last_row = np.array([0, *(number.get(int(group), 0) for group in of_label)], np.int32)[below]
        yield from _instances(joined.values(), height, min_area_px)
    yield from _instances(unfinished, height, min_area_px)


def box_pixels(instance: Instance, height: int) -> npt.NDArray[np.uint8]:
    """Pixels of an instance within its box, uint8 [instance.height, instance.width], 1 on the ship.

    Args:
        instance: as found.
        height: of the whole image in px.
    """
    columns = rle.parse_runs(instance.encoded, height, instance.left + instance.width)
    if instance.height < height:
        rows, places = columns.starts % height - instance.top, columns.starts // height - instance.left
        starts = places * instance.height + rows
    else:
        starts = columns.starts - instance.left * height
    runs = rle.Runs(starts, columns.lengths)
    box: npt.NDArray[np.uint8] = rle.runs_to_rlemask(runs, instance.height, instance.width).to_array(
        order="C"
    )
    return box


def _label(band: Mask, top: int) -> tuple[_Labels, list[_Piece]]:
    """Labels 1, 2, ... of the components of a band, int32 as the band, and the pixels of each."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        (band != 0).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    pieces = []
    for label in range(1, count):
        left, first, across, down, _ = map(int, statistics[label])
        # Looked for in the box alone: a scene may hold a thousand ships.
        box = labels[first : first + down, left : left + across] == label
        pieces.append(_Piece(top + first, left, box))
    return labels.astype(np.int32, copy=False), pieces


def _joined(above: _Labels, below: _Labels, above_count: int, below_count: int) -> npt.NDArray[np.int32]:
    """Group of each component above (first) and below a border; of touching ones the same.

    Args:
        above: labels in the last row above the border, from 1 on; 0 is no ship.
        below: the same in the first row below it.
        above_count: components above.
        below_count: components below.
    """
    pairs = []
    for shift in (-1, 0, 1) if above_count else ():
        shifted = np.zeros_like(below)
        source = below[max(shift, 0) : len(below) + min(shift, 0)]
        shifted[max(-shift, 0) : len(below) + min(-shift, 0)] = source
        pairs.append(np.stack([above, shifted])[:, (above > 0) & (shifted > 0)])
    nodes = above_count + below_count
    if not pairs:
        return np.arange(nodes, dtype=np.int32)
    first, second = np.concatenate(pairs, axis=1)
    edges = coo_array((np.ones(len(first), np.int32), (first - 1, above_count + second - 1)), (nodes, nodes))
    groups: npt.NDArray[np.int32] = connected_components(edges, directed=False)[1]
    return groups


def _instances(found: Iterable[list[_Piece]], height: int, min_area_px: int) -> Iterator[Instance]:
    for pieces in found:
        area_px = sum(int(piece.pixels.sum()) for piece in pieces)
        if area_px < min_area_px:
            continue
        top, left = min(piece.top for piece in pieces), min(piece.left for piece in pieces)
        bottom = max(piece.top + piece.pixels.shape[0] for piece in pieces)
        right = max(piece.left + piece.pixels.shape[1] for piece in pieces)
        box = np.zeros((bottom - top, right - left), np.bool_)
        for piece in pieces:
            rows, columns = piece.pixels.shape
            box[piece.top - top :, piece.left - left :][:rows, :columns] |= piece.pixels
        encoded = _encode_box(box, top, left, height)
        yield Instance(top, left, bottom - top, right - left, area_px, encoded)


def _encode_box(box: npt.NDArray[np.bool_], top: int, left: int, height: int) -> str:
    """Run-length string of a part of an image `height` px high."""
    if len(box) == height:
        # Columns come one after the other, so what lies to the left only shifts the starts.
        whole = rle.parse_runs(rle.encode(box), *box.shape)
        return rle.encode_runs(rle.Runs(whole.starts + left * height, whole.lengths))
    # An empty row at the foot keeps runs from going on in the next column, which they do not in the image.
    rows = len(box) + 1
    runs = rle.parse_runs(rle.encode(np.pad(box, ((0, 1), (0, 0)))), rows, box.shape[1])
    starts = (runs.starts // rows + left) * height + top + runs.starts % rows
    return rle.encode_runs(rle.Runs(starts, runs.lengths))
