"""A mask taken apart into ships: pixels that touch, corners included, are one."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from components.masks import rle


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


def instances(mask: npt.NDArray[np.generic], min_area_px: int = 1) -> list[Instance]:
    """The 8-connected components of a mask, largest first.

    Args:
        mask: bool or uint8 [height, width]; anything but 0 is ship.
        min_area_px: smaller ones are left out.
    """
    if not mask.any():
        return []
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        (mask != 0).astype(np.uint8), connectivity=8
    )
    found = []
    for label in range(1, count):
        left, top, across, down, area_px = map(int, statistics[label])
        if area_px < min_area_px:
            continue
        # Runs are searched in the box alone: a scene may hold a thousand ships.
        box = labels[top : top + down, left : left + across] == label
        found.append(Instance(top, left, down, across, area_px, _encode_box(box, top, left, len(mask))))
    return sorted(found, key=lambda one: (-one.area_px, one.top, one.left))


def _encode_box(box: npt.NDArray[np.bool_], top: int, left: int, height: int) -> str:
    """Run-length string of a part of an image `height` px high."""
    columns = np.zeros((height, box.shape[1]), np.uint8)
    columns[top : top + box.shape[0]] = box
    # Columns come one after the other, so what lies to the left only shifts the starts.
    runs = rle.parse_runs(rle.encode(columns), height, box.shape[1])
    return rle.encode_runs(rle.Runs(runs.starts + left * height, runs.lengths))
