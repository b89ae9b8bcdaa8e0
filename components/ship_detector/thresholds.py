"""Choosing the detector's thresholds on the eval split, from a few numbers about each predicted ship.

The objective is the mean over images of hard dice: 2tp / (2tp + fp + fn), and 1 where neither label nor
prediction has a ship pixel. Of each image only its predicted ships at every mask threshold are kept, four
numbers each, so that any number of images can be streamed past. With few images a maximum is luck: wherever
values a little apart score about alike, the middle of that plateau is taken, and what drops predicted ships
stays 0 unless it earns its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

MASK_THRESHOLDS: NDArray[np.float32] = np.round(np.linspace(0.2, 0.8, 25), 3).astype(np.float32)
# Where the curves of a review are drawn; the ends show what no threshold can find, or rid itself of.
CURVE_THRESHOLDS: NDArray[np.float32] = np.array([0.01, 0.02, *np.arange(1, 20) / 20, 0.98, 0.99], np.float32)
SHIP_THRESHOLDS: NDArray[np.float32] = np.round([0, *np.arange(0.5, 0.91, 0.05)], 2).astype(np.float32)
MIN_SHIP_PIXELS = (0, 10, 20, 40, 60, 80, 100, 150, 200)
CLASSIFIER_THRESHOLDS: NDArray[np.float32] = np.round(np.arange(100) / 100, 2).astype(np.float32)

# Mean dice that differs less counts as equal: half a point, below the standard error of a few hundred images.
PLATEAU = 0.005
# At most this share of the eval images with ships may be silenced by the classifier.
SILENCED_SHIPS = 0.02
# At most this share of them may lose all predictions that hit a ship to the ship threshold or minimal area.
BLANKED_SHIPS = 0.005
# The minimal area stays under all but this share of the labelled ship areas.
SMALLER_SHIPS = 0.01


@dataclass(frozen=True)
class Thresholds:
    """Where probabilities become decisions.

    Attributes:
        mask_threshold: a pixel is ship from this probability on, 0-1.
        ship_threshold: pixels that touch count as a ship if their mean probability reaches it, 0-1.
        min_ship_pixels: and if there are so many of them.
        classifier_threshold: an image may have ships from this probability on, 0-1 (only with the cascade).
    """

    mask_threshold: float
    ship_threshold: float
    min_ship_pixels: int
    classifier_threshold: float


class PredictedShips(NamedTuple):
    """The ships predicted on images at each of MASK_THRESHOLDS, before any is dropped.

    Attributes:
        column: int64 [ships], position in MASK_THRESHOLDS.
        area_px: int64 [ships], pixels.
        hit_px: int64 [ships], those of them that are labelled as ship.
        certainty: float32 [ships], mean probability of their pixels, 0-1.
    """

    column: NDArray[np.int64]
    area_px: NDArray[np.int64]
    hit_px: NDArray[np.int64]
    certainty: NDArray[np.float32]


@dataclass(frozen=True)
class ImageCounts:
    """What tuning needs to know of an eval image.

    Attributes:
        ship_probability: the classifier's, 0-1.
        truth_px: labelled ship pixels.
        ships: what is predicted.
    """

    ship_probability: float
    truth_px: int
    ships: PredictedShips


def count_pixels(
    ship_probability: float, probabilities: NDArray[np.float32], truth: NDArray[np.uint8]
) -> ImageCounts:
    """Count one image's predicted ships at every mask threshold.

    Args:
        ship_probability: the classifier's, 0-1.
        probabilities: float32 [H, W], the segmenter's in full resolution, 0-1.
        truth: uint8 [H, W], 1 on labelled ships and 0 elsewhere.
    """
    found = [_ships_from(column, probabilities, truth) for column in range(len(MASK_THRESHOLDS))]
    ships = PredictedShips(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    return ImageCounts(ship_probability, int(np.count_nonzero(truth)), ships)


def _ships_from(column: int, probabilities: NDArray[np.float32], truth: NDArray[np.uint8]) -> PredictedShips:
    mask = probabilities >= MASK_THRESHOLDS[column]
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    ship = labels[mask] - 1
    area = np.bincount(ship, minlength=count - 1)
    return PredictedShips(
        np.full(count - 1, column, np.int64),
        area,
        np.bincount(ship, truth[mask] > 0, count - 1).astype(np.int64),
        (np.bincount(ship, probabilities[mask], count - 1) / area).astype(np.float32),
    )


@dataclass(frozen=True)
class EvalTable:
    """Counts of all eval images.

    Attributes:
        ship_probability: float32 [images].
        truth_px: int64 [images].
        ships: predicted on all images.
        image: int64 [ships], position of the image that each of them is on.
    """

    ship_probability: NDArray[np.float32]
    truth_px: NDArray[np.int64]
    ships: PredictedShips
    image: NDArray[np.int64]

    @classmethod
    def of(cls, images: Sequence[ImageCounts]) -> "EvalTable":
        """Put together the counts of images (any number, also 0)."""
        kinds = (np.int64, np.int64, np.int64, np.float32)
        columns = zip(*(image.ships for image in images), strict=True) if images else [()] * len(kinds)
        ships = (
            np.concatenate([np.zeros(0, kind), *parts]).astype(kind)
            for kind, parts in zip(kinds, columns, strict=True)
        )
        return cls(
            np.array([image.ship_probability for image in images], np.float32),
            np.array([image.truth_px for image in images], np.int64),
            PredictedShips(*ships),
            np.repeat(np.arange(len(images)), [len(image.ships.column) for image in images]),
        )

    @property
    def has_ships(self) -> NDArray[np.bool_]:
        """Which images are labelled with ships: bool [images]."""
        return self.truth_px > 0

    def pixels(
        self, passes: NDArray[np.bool_], ship_threshold: float, min_ship_pixels: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predicted pixels of each image at each mask threshold, and those of them that are labelled as ship.

        Args:
            passes: bool [images], which images the classifier lets through.
            ship_threshold, min_ship_pixels: predicted ships below either are dropped.

        Returns:
            Two of float64 [images, thresholds], whole numbers.
        """
        ships, shape = self.ships, (len(self.truth_px), len(MASK_THRESHOLDS))
        kept = (
            passes[self.image]
            & (ships.certainty >= np.float32(ship_threshold))
            & (ships.area_px >= min_ship_pixels)
        )
        cell = (self.image * shape[1] + ships.column)[kept]

        def total(of_each: NDArray[np.int64]) -> NDArray[np.float64]:
            counts = np.bincount(cell, of_each[kept], shape[0] * shape[1])
            return counts.astype(np.float64).reshape(shape)

        return total(ships.area_px), total(ships.hit_px)

    def dice(
        self, passes: NDArray[np.bool_], ship_threshold: float = 0.0, min_ship_pixels: int = 0
    ) -> NDArray[np.float64]:
        """Hard dice of each image at each mask threshold: float64 [images, thresholds], 0-1; see `pixels`."""
        predicted, hit = self.pixels(passes, ship_threshold, min_ship_pixels)
        both = predicted + self.truth_px[:, None]
        return np.where(both == 0, 1.0, 2.0 * hit / np.maximum(both, 1))

    def spares_ships(
        self, passes: NDArray[np.bool_], ship_threshold: float, min_ship_pixels: int = 0
    ) -> NDArray[np.bool_]:
        """At which mask thresholds what is dropped blanks next to no found ships: bool [thresholds].

        An image is blanked if predictions hit a ship on it and none is left that does. At most 0.5 % of the
        ship images may be: in few images, none.
        """
        _, found = self.pixels(passes, 0.0, 0)
        _, left = self.pixels(passes, ship_threshold, min_ship_pixels)
        blanked = ((found > 0) & (left == 0)).sum(0)
        return np.asarray(blanked <= int(BLANKED_SHIPS * self.has_ships.sum()))

    def passes(self, classifier_threshold: float) -> NDArray[np.bool_]:
        """Which images the classifier lets through at a threshold: bool [images]."""
        return self.ship_probability >= np.float32(classifier_threshold)


def choose_classifier_threshold(
    table: EvalTable, ship_threshold: float = 0.0, min_ship_pixels: int = 0
) -> float:
    """Best cascade dice (at its best mask threshold) while at most 2 % of ship images are silenced.

    Args:
        table: counts of the eval images.
        ship_threshold, min_ship_pixels: predicted ships below either are dropped.
    """
    allowed = int(SILENCED_SHIPS * table.has_ships.sum())
    # Ascending thresholds silence ever more, so that the feasible ones come first; 0 silences none.
    feasible = [
        threshold
        for threshold in CLASSIFIER_THRESHOLDS
        if (table.has_ships & ~table.passes(threshold)).sum() <= allowed
    ]
    kept = ship_threshold, min_ship_pixels
    scores = np.array([_smooth(table.dice(table.passes(t), *kept).mean(0)).max() for t in feasible])
    return _rounded(feasible[middle_of_plateau(scores)])


def choose_mask_and_ship_threshold(table: EvalTable, passes: NDArray[np.bool_]) -> tuple[float, float]:
    """The mask threshold, and the least ship threshold within a plateau's height of the best pair.

    A network is less sure of a quay that it takes for a ship than of a ship, yet not at every pixel: a mask
    threshold that silenced the quay would cut the ships' edges off. Hence two of them, as in hysteresis
    thresholding (Canny, "A computational approach to edge detection", IEEE PAMI 8, 1986); a pair that costs
    found ships is ruled out, see `EvalTable.spares_ships`.
    """
    rows = []
    for ship in SHIP_THRESHOLDS:
        dice = _smooth(table.dice(passes, float(ship)).mean(0))
        rows.append(np.where(table.spares_ships(passes, float(ship)), dice, -1.0))
    scores = np.array(rows)
    row = int(np.flatnonzero(scores.max(1) >= scores.max() - PLATEAU)[0])
    return _rounded(MASK_THRESHOLDS[middle_of_plateau(scores[row])]), _rounded(SHIP_THRESHOLDS[row])


def choose_mask_threshold(table: EvalTable, passes: NDArray[np.bool_]) -> float:
    """Middle of the plateau of the mean dice over mask thresholds, without dropping any ship."""
    return _rounded(MASK_THRESHOLDS[middle_of_plateau(_smooth(table.dice(passes).mean(0)))])


def choose_min_ship_pixels(
    table: EvalTable, passes: NDArray[np.bool_], mask_threshold: float, ship_threshold: float
) -> int:
    """Smallest minimal area within a plateau's height of the best one that costs no small ships.

    An area is ruled out if it exceeds the smallest labelled ship areas (1st percentile of images), or if it
    costs found ships, see `EvalTable.spares_ships`.
    """
    column = int(np.flatnonzero(np.float32(mask_threshold) == MASK_THRESHOLDS)[0])
    smallest = np.quantile(table.truth_px[table.has_ships], SMALLER_SHIPS, method="lower")
    feasible = [
        area
        for area in MIN_SHIP_PIXELS
        if not area or (area <= smallest and table.spares_ships(passes, ship_threshold, area)[column])
    ]
    scores = np.array([table.dice(passes, ship_threshold, area)[:, column].mean() for area in feasible])
    return feasible[int(np.flatnonzero(scores >= scores.max() - PLATEAU)[0])]


def middle_of_plateau(scores: NDArray[np.float64]) -> int:
    """Index in the middle of the neighbours of the maximum that score within PLATEAU of it."""
    top = int(scores.argmax())
    low = scores < scores[top] - PLATEAU
    before = np.flatnonzero(low[:top])
    after = np.flatnonzero(low[top:])
    first = int(before[-1]) + 1 if before.size else 0
    last = top + int(after[0]) - 1 if after.size else len(scores) - 1
    return (first + last) // 2


def _smooth(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each score and its two neighbours, so that one lucky threshold is no maximum."""
    padded = np.pad(scores, 1, mode="edge")
    smoothed: NDArray[np.float64] = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return smoothed


def _rounded(threshold: np.float32) -> float:
    """The grid's decimal number, without the digits that float32 adds."""
    return round(float(threshold), 3)
