"""Ships found and missed on one image: predicted connected components against labelled ships.

A ship is found if a component has an IoU above the threshold with it. From 0.5 on, at most one component can
(ships do not overlap, and neither do components), so that counting needs no assignment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from components.evaluation.names import SHIP_SIZES
from components.masks.rle import Runs

# The thresholds 0.50, 0.55 ... 0.95 of the Airbus competition, in twentieths: whole numbers compare exactly.
_IOU_TWENTIETHS = np.arange(10, 20)
# Around a ship's bounding box: its own surroundings, where a prediction is about it.
_MARGIN_PX = 8
_SIZE_BOUNDS_PX = np.array([60, 150, 500, 2000])


@dataclass(frozen=True)
class ImageShips:
    """What was found of the ships of an image.

    Attributes:
        f2: F2 score of the Airbus competition, 0-1.
        labelled: int64 [5], labelled ships by class of SHIP_SIZES.
        found: int64 [5], those of them found at IoU 0.5.
        dice: float64 [5], sum over the ships of a class of the dice in each one's surroundings.
        false_alarms: predicted components that are no ship at IoU 0.5.
    """

    f2: float
    labelled: NDArray[np.int64]
    found: NDArray[np.int64]
    dice: NDArray[np.float64]
    false_alarms: int


def size_class(area_px: float) -> int:
    """Index in SHIP_SIZES of a ship of this area in px."""
    return int(np.searchsorted(_SIZE_BOUNDS_PX, area_px, side="right"))


def median_size(areas_px: Sequence[int]) -> str:
    """Class of the median ship area of an image (at least one ship)."""
    return SHIP_SIZES[size_class(float(np.median(areas_px)))]


def size_of_ships(rows: Sequence[str]) -> str:
    """Class of the median ship of an image from the run-length strings of its ships (at least one)."""
    return median_size([sum(map(int, row.split()[1::2])) for row in rows])


def f2_score(tp: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64]) -> float:
    """Mean over IoU thresholds of 5 tp / (5 tp + 4 fn + fp), 0-1; no ship and no prediction counts as 1.

    Kaggle (2018), Airbus Ship Detection Challenge, Evaluation. An image without ships scores 0 with any
    prediction.

    Args:
        tp: int [thresholds], ships found at each threshold.
        fp: int [thresholds], components that are no ship.
        fn: int [thresholds], ships missed.
    """
    weighed = 5 * tp + 4 * fn + fp
    return float(np.where(weighed == 0, 1.0, 5 * tp / np.maximum(weighed, 1)).mean())


def compare_ships(mask: NDArray[np.uint8], ships: Sequence[Runs]) -> ImageShips:
    """Hold a predicted mask against the labelled ships.

    Components are 8-connected and as they stand in the mask: the tuned minimal area has been applied to it.

    Args:
        mask: uint8 [H, W], 1 on predicted ships.
        ships: runs of each labelled ship within H x W; ships do not overlap and are not empty.
    """
    height, width = mask.shape
    count, components = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    predicted_px = np.bincount(components[mask > 0], minlength=count)[1:]
    labels = np.zeros((width, height), np.int32)  # column by column, as runs count
    for number, ship in enumerate(ships, start=1):
        labels.reshape(-1)[_pixels(ship)] = number
    labels = labels.T

    found = np.zeros((len(ships), len(_IOU_TWENTIETHS)), np.bool_)
    by_size = np.zeros((3, len(SHIP_SIZES)))
    for index, ship in enumerate(ships):
        columns, rows = np.divmod(_pixels(ship), height)
        shared = np.bincount(components[rows, columns], minlength=count)[1:]
        union = ship.area_px + predicted_px - shared
        if count > 1:
            best = int(np.argmax(shared / union))
            found[index] = 20 * shared[best] > _IOU_TWENTIETHS * union[best]
        nearby = np.s_[
            max(rows.min() - _MARGIN_PX, 0) : rows.max() + _MARGIN_PX + 1,
            max(columns.min() - _MARGIN_PX, 0) : columns.max() + _MARGIN_PX + 1,
        ]
        size = size_class(ship.area_px)
        by_size[:, size] += 1, found[index, 0], _dice_of_ship(mask[nearby], labels[nearby], index + 1)

    tp = found.sum(axis=0)
    fp = count - 1 - tp
    labelled, hits, dice = by_size
    return ImageShips(
        f2_score(tp, fp, len(ships) - tp),
        labelled.astype(np.int64),
        hits.astype(np.int64),
        dice,
        int(fp[0]),
    )


def _pixels(ship: Runs) -> NDArray[np.int64]:
    """Column-major indices of a ship's pixels: int64 [area]."""
    before = np.cumsum(ship.lengths) - ship.lengths
    pixels: NDArray[np.int64] = np.repeat(ship.starts - before, ship.lengths) + np.arange(ship.area_px)
    return pixels


def _dice_of_ship(mask: NDArray[np.uint8], labels: NDArray[np.int32], number: int) -> float:
    """Dice of one ship in its surroundings, without the pixels of other ships."""
    ship = labels == number
    predicted = (mask > 0) & (ship | (labels == 0))
    return float(2 * (ship & predicted).sum() / (ship.sum() + predicted.sum()))
