"""Choosing the detector's thresholds on the eval split, from pixel counts alone.

The objective is the mean over images of hard dice: 2tp / (2tp + fp + fn), and 1 where neither label nor
prediction has a ship pixel. Of each image only its counts at every mask threshold are kept, so that any
number of images can be streamed past. With few images a maximum is luck: wherever values a little apart score
about alike, the middle of that plateau is taken, and the minimal area stays 0 unless it earns its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MASK_THRESHOLDS: NDArray[np.float32] = np.round(np.linspace(0.2, 0.8, 25), 3).astype(np.float32)
# Where the curves of a review are drawn; the ends show what no threshold can find, or rid itself of.
CURVE_THRESHOLDS: NDArray[np.float32] = np.array([0.01, 0.02, *np.arange(1, 20) / 20, 0.98, 0.99], np.float32)
MIN_SHIP_PIXELS = (0, 10, 20, 40, 60, 80, 100, 150, 200)
CLASSIFIER_THRESHOLDS: NDArray[np.float32] = np.round(np.arange(100) / 100, 2).astype(np.float32)

# Mean dice that differs less counts as equal: half a point, below the standard error of a few hundred images.
PLATEAU = 0.005
# At most this share of the eval images with ships may be silenced by the classifier.
SILENCED_SHIPS = 0.02
# At most this share of them may lose a prediction that hits a ship to the minimal area.
BLANKED_SHIPS = 0.005
# The minimal area stays under all but this share of the labelled ship areas.
SMALLER_SHIPS = 0.01


@dataclass(frozen=True)
class Thresholds:
    """Where probabilities become decisions.

    Attributes:
        mask_threshold: a pixel is ship from this probability on, 0-1.
        min_ship_pixels: a mask with fewer ship pixels in all counts as empty.
        classifier_threshold: an image may have ships from this probability on, 0-1 (only with the cascade).
    """

    mask_threshold: float
    min_ship_pixels: int
    classifier_threshold: float


@dataclass(frozen=True)
class ImageCounts:
    """What tuning needs to know of an eval image.

    Attributes:
        ship_probability: the classifier's, 0-1.
        truth_px: labelled ship pixels.
        predicted_px: int64 [thresholds], predicted ship pixels at each of MASK_THRESHOLDS.
        hit_px: int64 [thresholds], those of them that are labelled as ship.
    """

    ship_probability: float
    truth_px: int
    predicted_px: NDArray[np.int64]
    hit_px: NDArray[np.int64]


def count_pixels(
    ship_probability: float, probabilities: NDArray[np.float32], truth: NDArray[np.uint8]
) -> ImageCounts:
    """Count one image's pixels at every mask threshold.

    Args:
        ship_probability: the classifier's, 0-1.
        probabilities: float32 [H, W], the segmenter's in full resolution, 0-1.
        truth: uint8 [H, W], 1 on labelled ships and 0 elsewhere.
    """
    on_ship = probabilities[truth > 0]
    return ImageCounts(
        ship_probability,
        on_ship.size,
        _counts_from(MASK_THRESHOLDS, probabilities.ravel()),
        _counts_from(MASK_THRESHOLDS, on_ship),
    )


def _counts_from(thresholds: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many values reach each of the ascending thresholds."""
    # Nearly all pixels are sea, below the lowest threshold; only the others need sorting.
    candidates = np.sort(values[values >= thresholds[0]])
    return (candidates.size - np.searchsorted(candidates, thresholds, side="left")).astype(np.int64)


@dataclass(frozen=True)
class EvalTable:
    """Counts of all eval images.

    Attributes:
        ship_probability: float32 [images].
        truth_px: int64 [images].
        predicted_px, hit_px: int64 [images, thresholds], see ImageCounts.
    """

    ship_probability: NDArray[np.float32]
    truth_px: NDArray[np.int64]
    predicted_px: NDArray[np.int64]
    hit_px: NDArray[np.int64]

    @classmethod
    def of(cls, images: Sequence[ImageCounts]) -> "EvalTable":
        """Stack the counts of images (any number, also 0)."""
        shape = (len(images), len(MASK_THRESHOLDS))
        return cls(
            np.array([image.ship_probability for image in images], np.float32),
            np.array([image.truth_px for image in images], np.int64),
            np.array([image.predicted_px for image in images], np.int64).reshape(shape),
            np.array([image.hit_px for image in images], np.int64).reshape(shape),
        )

    @property
    def has_ships(self) -> NDArray[np.bool_]:
        """Which images are labelled with ships: bool [images]."""
        return self.truth_px > 0

    def dice(self, passes: NDArray[np.bool_], min_ship_pixels: int) -> NDArray[np.float64]:
        """Hard dice of each image at each mask threshold: float64 [images, thresholds], 0-1.

        Args:
            passes: bool [images], which images the classifier lets through.
            min_ship_pixels: smaller masks count as empty.
        """
        kept = passes[:, None] & (self.predicted_px >= min_ship_pixels)
        predicted, hit = self.predicted_px * kept, self.hit_px * kept
        both = predicted + self.truth_px[:, None]
        return np.where(both == 0, 1.0, 2.0 * hit / np.maximum(both, 1))

    def passes(self, classifier_threshold: float) -> NDArray[np.bool_]:
        """Which images the classifier lets through at a threshold: bool [images]."""
        return self.ship_probability >= np.float32(classifier_threshold)


def choose_classifier_threshold(table: EvalTable) -> float:
    """Best cascade dice (at its best mask threshold) while at most 2 % of ship images are silenced."""
    allowed = int(SILENCED_SHIPS * table.has_ships.sum())
    # Ascending thresholds silence ever more, so that the feasible ones come first; 0 silences none.
    feasible = [
        threshold
        for threshold in CLASSIFIER_THRESHOLDS
        if (table.has_ships & ~table.passes(threshold)).sum() <= allowed
    ]
    scores = np.array([_smooth(table.dice(table.passes(t), 0).mean(0)).max() for t in feasible])
    return _rounded(feasible[middle_of_plateau(scores)])


def choose_mask_threshold(table: EvalTable, passes: NDArray[np.bool_]) -> float:
    """Middle of the plateau of the mean dice over mask thresholds, without a minimal area."""
    return _rounded(MASK_THRESHOLDS[middle_of_plateau(_smooth(table.dice(passes, 0).mean(0)))])


def choose_min_ship_pixels(table: EvalTable, passes: NDArray[np.bool_], mask_threshold: float) -> int:
    """Smallest minimal area within a plateau's height of the best one that costs no small ships.

    An area is ruled out if it exceeds the smallest labelled ship areas (1st percentile of images), or if it
    blanks predictions that hit a ship on more than 0.5 % of the ship images: in few images, on any.
    """
    column = int(np.flatnonzero(np.float32(mask_threshold) == MASK_THRESHOLDS)[0])
    ships = table.has_ships
    smallest = np.quantile(table.truth_px[ships], SMALLER_SHIPS, method="lower")
    hits = passes & ships & (table.hit_px[:, column] > 0)
    feasible = [
        area
        for area in MIN_SHIP_PIXELS
        if area <= smallest
        and (hits & (table.predicted_px[:, column] < area)).sum() <= int(BLANKED_SHIPS * ships.sum())
    ]
    scores = np.array([table.dice(passes, area)[:, column].mean() for area in feasible])
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
