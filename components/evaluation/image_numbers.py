"""The numbers of an image and head from which all metrics of masks are made."""

import numpy as np
from numpy.typing import NDArray

from components.evaluation.names import SHIP_SIZES
from components.evaluation.ships import ImageShips

_ORDER = (
    "images", "dice", "tp_px", "fp_px", "fn_px", "f2", "false_alarms",
    *(f"{kind}_{size}" for kind in ("labelled", "found", "ship_dice") for size in SHIP_SIZES),
)  # fmt: skip
# Places in the vector.
PLACE = {name: place for place, name in enumerate(_ORDER)}
LABELLED, FOUND, SHIP_DICE = (
    tuple(PLACE[f"{kind}_{size}"] for size in SHIP_SIZES) for kind in ("labelled", "found", "ship_dice")
)


def mask_numbers(pixels: NDArray[np.float32], ships: ImageShips | None) -> NDArray[np.float64]:
    """Vector of one image, see PLACE.

    Args:
        pixels: float32 [3], pixels tp, fp, fn of the hard mask.
        ships: what was found of its ships; None, of a model that tells no mask, leaves NaN.
    """
    numbers = np.full(len(PLACE), np.nan)
    tp, fp, fn = (float(count) for count in pixels)
    numbers[:5] = 1.0, dice(tp, fp, fn), tp, fp, fn
    if ships is not None:
        numbers[5:] = np.hstack([ships.f2, ships.false_alarms, ships.labelled, ships.found, ships.dice])
    return numbers


def dice(tp: float, fp: float, fn: float) -> float:
    """Dice coefficient 2tp / (2tp + fp + fn), in 0-1; nothing there and nothing predicted counts as 1.

    Dice, L. R. (1945), Measures of the Amount of Ecologic Association Between Species, Ecology 26(3).
    """
    covered = 2.0 * tp + fp + fn
    return 1.0 if covered == 0 else 2.0 * tp / covered
