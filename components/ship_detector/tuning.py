"""Tuning as a whole: which thresholds can be chosen on these images, and the report of what was chosen."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.ship_detector.thresholds import (
    CLASSIFIER_THRESHOLDS,
    MASK_THRESHOLDS,
    MIN_SHIP_PIXELS,
    SHIP_THRESHOLDS,
    EvalTable,
    ImageCounts,
    Thresholds,
    choose_classifier_threshold,
    choose_mask_and_ship_threshold,
    choose_mask_threshold,
    choose_min_ship_pixels,
)

LOGGER = logging.getLogger(__name__)


def tune(
    images: Sequence[ImageCounts], untuned: Thresholds, cascade: bool, max_silenced_ships: float
) -> Thresholds:
    """Choose the thresholds on eval images.

    With ships and empty images: first the classifier threshold (with the cascade only), then the thresholds
    of pixels and of ships together, and the minimal area, over the images that it lets through, as serving
    will, and with these the classifier threshold again: what they drop it need not keep out any more, and
    ships that it need not silence are safe. Without empty images nothing speaks for silencing, so that only
    the mask threshold is chosen; without ship images, nothing is.

    Args:
        images: counts of the eval images.
        untuned: what stays wherever the images cannot tell; logged as a warning.
        cascade: whether the classifier drops what the segmenter alone takes for ships.
        max_silenced_ships: share of the images with ships that it may silence, 0-1.
    """
    table = EvalTable.of(images)
    if not table.has_ships.any():
        LOGGER.warning("no eval image with ships: thresholds stay untuned (%s)", untuned)
        return untuned
    if table.has_ships.all():
        mask_threshold = choose_mask_threshold(table)
        LOGGER.warning(
            "no eval image without ships: classifier_threshold %g, ship_threshold %g and min_ship_pixels %d "
            "stay untuned",
            untuned.classifier_threshold,
            untuned.ship_threshold,
            untuned.min_ship_pixels,
        )
        return replace(untuned, mask_threshold=mask_threshold)
    confirmed = choose_classifier_threshold(table, max_silenced_ships) if cascade else 0.0
    mask_threshold, ship_threshold = choose_mask_and_ship_threshold(table, confirmed)
    min_ship_pixels = choose_min_ship_pixels(table, confirmed, mask_threshold, ship_threshold)
    classifier_threshold = untuned.classifier_threshold
    if cascade:
        kept = ship_threshold, min_ship_pixels
        classifier_threshold = choose_classifier_threshold(table, max_silenced_ships, *kept)
    return Thresholds(mask_threshold, ship_threshold, min_ship_pixels, classifier_threshold)


def report(
    images: Sequence[ImageCounts], chosen: Thresholds, untuned: Thresholds, cascade: bool
) -> dict[str, Any]:
    """What was chosen and what the choice looked like, for `thresholds.json`.

    Returns:
        `thresholds` (chosen) and `untuned`; `images`, `ships`, `empty` (numbers of eval images); `dice` by
        kind of image, mean over images at the chosen thresholds (at the nearest mask threshold of the table,
        where an untuned one is not in it); and the table of the choice:
        `mask_thresholds` and `ship_thresholds` with `dice_by_ship_threshold` [ship threshold][threshold], and
        `min_ship_pixels`, the chosen one among them, with `dice_by_area` [area][threshold] at the chosen ship
        threshold, both at the chosen classifier threshold; `classifier_thresholds` with `dice_by_classifier`
        (the other thresholds as chosen) and `silenced_ships` (ship images silenced). Numbers that need images
        are null where there are none.
    """
    table = EvalTable.of(images)
    ships = table.has_ships
    confirmed = chosen.classifier_threshold if cascade else 0.0
    column = int(np.abs(MASK_THRESHOLDS - np.float32(chosen.mask_threshold)).argmin())
    kept = chosen.ship_threshold, chosen.min_ship_pixels
    dice = table.dice(confirmed, *kept)[:, column]
    summary: dict[str, Any] = {
        "thresholds": vars(chosen),
        "untuned": vars(untuned),
        "cascade": cascade,
        "objective": "mean over images of hard dice; empty label and empty prediction count 1",
        "images": len(images),
        "ships": int(ships.sum()),
        "empty": int((~ships).sum()),
        "dice": {"all": _mean(dice), "ships": _mean(dice[ships]), "empty": _mean(dice[~ships])},
    }
    if not images:
        return summary
    areas = sorted({*MIN_SHIP_PIXELS, chosen.min_ship_pixels})
    return summary | {
        "mask_thresholds": _figures(MASK_THRESHOLDS),
        "ship_thresholds": _figures(SHIP_THRESHOLDS),
        "dice_by_ship_threshold": [
            _figures(table.dice(confirmed, float(ship)).mean(0)) for ship in SHIP_THRESHOLDS
        ],
        "min_ship_pixels": areas,
        "dice_by_area": [
            _figures(table.dice(confirmed, chosen.ship_threshold, area).mean(0)) for area in areas
        ],
        "classifier_thresholds": _figures(CLASSIFIER_THRESHOLDS),
        "dice_by_classifier": _figures(
            table.dice(float(threshold), *kept)[:, column].mean() for threshold in CLASSIFIER_THRESHOLDS
        ),
        "silenced_ships": [
            int((table.ship_probability[ships] < threshold).sum()) for threshold in CLASSIFIER_THRESHOLDS
        ],
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 4) if values.size else None


def _figures(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]
