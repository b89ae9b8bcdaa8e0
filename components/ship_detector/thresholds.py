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
from scipy.special import logit
from scipy.stats import norm

from components.training.settings import CELL_PX

MASK_THRESHOLDS: NDArray[np.float32] = np.round(np.linspace(0.2, 0.8, 25), 3).astype(np.float32)
# Where the curves of a review are drawn; the ends show what no threshold can find, or rid itself of.
CURVE_THRESHOLDS: NDArray[np.float32] = np.array([0.01, 0.02, *np.arange(1, 20) / 20, 0.98, 0.99], np.float32)
SHIP_THRESHOLDS: NDArray[np.float32] = np.round([0, *np.arange(0.5, 0.91, 0.05)], 2).astype(np.float32)
MIN_SHIP_PIXELS = (0, 10, 20, 40, 60, 80, 100, 150, 200)
CLASSIFIER_THRESHOLDS: NDArray[np.float32] = np.round(np.arange(100) / 100, 2).astype(np.float32)

# Mean dice that differs less counts as equal: half a point, below the standard error of a few hundred images.
PLATEAU = 0.005
# Of fewer images the share that is silenced is estimated, see `silenced_shares`.
_MANY_IMAGES = 250
# At most this share of the images with ships may lose all predictions that hit one to the ship threshold or
# the minimal area.
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
        classifier_threshold: and if the classifier's probability of a ship reaches it in a cell that they
            touch, 0-1 (only with the cascade).
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
        confirmation: float32 [ships], the classifier's highest probability in a cell that they touch, 0-1.
    """

    column: NDArray[np.int64]
    area_px: NDArray[np.int64]
    hit_px: NDArray[np.int64]
    certainty: NDArray[np.float32]
    confirmation: NDArray[np.float32]


@dataclass(frozen=True)
class ImageCounts:
    """What tuning needs to know of an eval image.

    Attributes:
        ship_probability: the classifier's, 0-1.
        labelled_px: pixels of each labelled ship; empty where none is labelled.
        ships: what is predicted.
    """

    ship_probability: float
    labelled_px: tuple[int, ...]
    ships: PredictedShips


def count_pixels(
    cells: NDArray[np.float32], probabilities: NDArray[np.float32], truth: NDArray[np.uint8]
) -> ImageCounts:
    """Count one image's predicted ships at every mask threshold.

    Args:
        cells: float32 [ceil(H / 16), ceil(W / 16)], the classifier's of each cell of 16 px, 0-1.
        probabilities: float32 [H, W], the segmenter's in full resolution, 0-1.
        truth: uint8 [H, W], 1 on labelled ships and 0 elsewhere.
    """
    found = [_ships_from(column, cells, probabilities, truth) for column in range(len(MASK_THRESHOLDS))]
    ships = PredictedShips(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    labelled = cv2.connectedComponentsWithStats(truth, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return ImageCounts(float(cells.max()), tuple(labelled.tolist()), ships)


def _ships_from(
    column: int,
    cells: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    truth: NDArray[np.uint8],
) -> PredictedShips:
    mask = probabilities >= MASK_THRESHOLDS[column]
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    ship = labels[mask] - 1
    area = np.bincount(ship, minlength=count - 1)
    rows, columns = np.nonzero(mask)
    confirmation = np.zeros(count - 1, np.float32)
    np.maximum.at(confirmation, ship, cells[rows // CELL_PX, columns // CELL_PX])
    return PredictedShips(
        np.full(count - 1, column, np.int64),
        area,
        np.bincount(ship, truth[mask] > 0, count - 1).astype(np.int64),
        (np.bincount(ship, probabilities[mask], count - 1) / area).astype(np.float32),
        confirmation,
    )


@dataclass(frozen=True)
class EvalTable:
    """Counts of all eval images.

    Attributes:
        ship_probability: float32 [images].
        truth_px: int64 [images], labelled ship pixels.
        labelled_px: int64 [labelled ships], pixels of each of them.
        ships: predicted on all images.
        image: int64 [ships], position of the image that each of them is on.
    """

    ship_probability: NDArray[np.float32]
    truth_px: NDArray[np.int64]
    labelled_px: NDArray[np.int64]
    ships: PredictedShips
    image: NDArray[np.int64]

    @classmethod
    def of(cls, images: Sequence[ImageCounts]) -> "EvalTable":
        """Put together the counts of images (any number, also 0)."""
        kinds = (np.int64, np.int64, np.int64, np.float32, np.float32)
        columns = zip(*(image.ships for image in images), strict=True) if images else [()] * len(kinds)
        ships = (
            np.concatenate([np.zeros(0, kind), *parts]).astype(kind)
            for kind, parts in zip(kinds, columns, strict=True)
        )
        return cls(
            np.array([image.ship_probability for image in images], np.float32),
            np.array([sum(image.labelled_px) for image in images], np.int64),
            np.array([area for image in images for area in image.labelled_px], np.int64),
            PredictedShips(*ships),
            np.repeat(np.arange(len(images)), [len(image.ships.column) for image in images]),
        )

    @property
    def has_ships(self) -> NDArray[np.bool_]:
        """Which images are labelled with ships: bool [images]."""
        return self.truth_px > 0

    def pixels(
        self, classifier_threshold: float = 0.0, ship_threshold: float = 0.0, min_ship_pixels: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predicted pixels of each image at each mask threshold, and those of them that are labelled as ship.

        Args:
            classifier_threshold, ship_threshold, min_ship_pixels: predicted ships below any are dropped, see
                Thresholds.

        Returns:
            Two of float64 [images, thresholds], whole numbers.
        """
        ships, shape = self.ships, (len(self.truth_px), len(MASK_THRESHOLDS))
        kept = (
            (ships.confirmation >= np.float32(classifier_threshold))
            & (ships.certainty >= np.float32(ship_threshold))
            & (ships.area_px >= min_ship_pixels)
        )
        cell = (self.image * shape[1] + ships.column)[kept]

        def total(of_each: NDArray[np.int64]) -> NDArray[np.float64]:
            counts = np.bincount(cell, of_each[kept], shape[0] * shape[1])
            return counts.astype(np.float64).reshape(shape)

        return total(ships.area_px), total(ships.hit_px)

    def dice(
        self, classifier_threshold: float = 0.0, ship_threshold: float = 0.0, min_ship_pixels: int = 0
    ) -> NDArray[np.float64]:
        """Hard dice of each image at each mask threshold: float64 [images, thresholds], 0-1; see `pixels`."""
        predicted, hit = self.pixels(classifier_threshold, ship_threshold, min_ship_pixels)
        both = predicted + self.truth_px[:, None]
        return np.where(both == 0, 1.0, 2.0 * hit / np.maximum(both, 1))

    def spares_ships(
        self, classifier_threshold: float, ship_threshold: float, min_ship_pixels: int = 0
    ) -> NDArray[np.bool_]:
        """At which mask thresholds what is dropped blanks next to no found ships: bool [thresholds].

        An image is blanked if predictions hit a ship on it and none is left that does. At most 0.5 % of the
        ship images may be: in few images, none.
        """
        _, found = self.pixels(classifier_threshold)
        _, left = self.pixels(classifier_threshold, ship_threshold, min_ship_pixels)
        blanked = ((found > 0) & (left == 0)).sum(0)
        return np.asarray(blanked <= int(BLANKED_SHIPS * self.has_ships.sum()))


def choose_classifier_threshold(
    table: EvalTable, max_silenced_ships: float, ship_threshold: float = 0.0, min_ship_pixels: int = 0
) -> float:
    """Best cascade dice (at its best mask threshold) while few ship images are silenced.

    Args:
        table: counts of the eval images.
        max_silenced_ships: share of the images with ships that may be, 0-1.
        ship_threshold, min_ship_pixels: predicted ships below either are dropped.
    """
    silenced = silenced_shares(table.ship_probability[table.has_ships])
    # Ascending thresholds silence ever more, so that the feasible ones come first; 0 silences none.
    feasible = CLASSIFIER_THRESHOLDS[silenced <= max_silenced_ships]
    kept = ship_threshold, min_ship_pixels
    scores = np.array([_smooth(table.dice(float(t), *kept).mean(0)).max() for t in feasible])
    return _rounded(feasible[middle_of_plateau(scores)])


def silenced_shares(ship_probability: NDArray[np.float32]) -> NDArray[np.float64]:
    """Which share of images like these each of CLASSIFIER_THRESHOLDS would silence.

    The least of some dozen probabilities is chance, and tells little of what a few percent of all such images
    stay below. So of few images it is the share of a normal distribution fitted to the lower half of their
    logits (how sure the classifier is of plain ships says nothing of the doubtful ones); of many, that of the
    images themselves.

    Args:
        ship_probability: float32 [images], the classifier's of images with ships, 0-1.

    Returns:
        float64 [thresholds], 0-1, ascending.
    """
    count = len(ship_probability)
    if count < _MANY_IMAGES:
        logits, edges = _logits(ship_probability), _logits(CLASSIFIER_THRESHOLDS)
        middle = np.median(logits)
        spread = np.sqrt(np.mean((logits[logits <= middle] - middle) ** 2))
        if spread > 0:
            shares = norm.cdf(edges, middle, spread)
            return np.where(CLASSIFIER_THRESHOLDS > 0, shares, 0.0)
    return np.searchsorted(np.sort(ship_probability), CLASSIFIER_THRESHOLDS) / count


def choose_mask_and_ship_threshold(table: EvalTable, classifier_threshold: float) -> tuple[float, float]:
    """The mask threshold, and the least ship threshold within a plateau's height of the best pair.

    A network is less sure of a quay that it takes for a ship than of a ship, yet not at every pixel: a mask
    threshold that silenced the quay would cut the ships' edges off. Hence two of them, as in hysteresis
    thresholding (Canny, "A computational approach to edge detection", IEEE PAMI 8, 1986); a pair that costs
    found ships is ruled out, see `EvalTable.spares_ships`.
    """
    rows = []
    for ship in SHIP_THRESHOLDS:
        dice = _smooth(table.dice(classifier_threshold, float(ship)).mean(0))
        rows.append(np.where(table.spares_ships(classifier_threshold, float(ship)), dice, -1.0))
    scores = np.array(rows)
    row = int(np.flatnonzero(scores.max(1) >= scores.max() - PLATEAU)[0])
    return _rounded(MASK_THRESHOLDS[middle_of_plateau(scores[row])]), _rounded(SHIP_THRESHOLDS[row])


def choose_mask_threshold(table: EvalTable) -> float:
    """Middle of the plateau of the mean dice over mask thresholds, without dropping any ship."""
    return _rounded(MASK_THRESHOLDS[middle_of_plateau(_smooth(table.dice().mean(0)))])


def choose_min_ship_pixels(
    table: EvalTable, classifier_threshold: float, mask_threshold: float, ship_threshold: float
) -> int:
    """Smallest minimal area within a plateau's height of the best one that costs no small ships.

    An area is ruled out if it exceeds the areas of the smallest labelled ships (1st percentile), or if it
    costs found ships, see `EvalTable.spares_ships`.
    """
    column = int(np.flatnonzero(np.float32(mask_threshold) == MASK_THRESHOLDS)[0])
    smallest = np.quantile(table.labelled_px, SMALLER_SHIPS, method="lower")
    feasible = [
        area
        for area in MIN_SHIP_PIXELS
        if not area
        or (area <= smallest and table.spares_ships(classifier_threshold, ship_threshold, area)[column])
    ]
    scores = np.array(
        [table.dice(classifier_threshold, ship_threshold, area)[:, column].mean() for area in feasible]
    )
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


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Finite also for probabilities of 0 and 1."""
    return np.asarray(logit(np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)), np.float64)
