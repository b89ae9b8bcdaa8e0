"""Which role a scene has.

Tiles of one scene overlap or neighbour each other; a tile that trains must not have a sibling that tests.
Scenes are dealt either by a stable draw, so that adding images never moves those that were there, or to folds
that are alike, for data sets so small that a draw would leave one role without what another has plenty of.
"""

import hashlib
import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from components.errors import InputError


def scene_role(scene_id: str, train_ratio: float, eval_ratio: float, seed: str) -> str:
    """Role of a scene: "train", "eval" or "test".

    Args:
        scene_id: scene, or the image id where no scene is known.
        train_ratio: expected share of scenes that train (0-1).
        eval_ratio: expected share of scenes for early stopping and thresholds (0-1); test gets the rest.
        seed: another seed is another draw.
    """
    position = stable_fraction(scene_id, seed)
    if position < train_ratio:
        return "train"
    return "eval" if position < train_ratio + eval_ratio else "test"


def fold_roles(scene_ids: Sequence[str], kinds: Sequence[Sequence[str]], folds: int, fold: int) -> list[str]:
    """Roles of images when scenes are dealt to folds that hold about as many images of each kind.

    Fold number `fold` tests, the next one (after the last: the first) is for early stopping and thresholds,
    the others train. So each image tests once if `fold` takes all its values.

    Args:
        scene_ids: scene of each image.
        kinds: what should be spread evenly, of each image: say, with or without ships and the sensor. The
            first of these counts in any case. A further one is left out if with it a kind had fewer images
            than there are folds on average: by a column of dates, say, no two images are of a kind.
        folds: how many, at least 3.
        fold: 0 to folds - 1.

    Returns:
        "train", "eval" or "test" of each image. Depends on the order of the images.

    Raises:
        InputError: there are fewer scenes than folds.
    """
    scenes = len(set(scene_ids))
    if scenes < folds:
        raise InputError(
            f"ingestion.folds is {folds}, but there are {scenes} scenes: use fewer folds, or 0 for a draw"
        )
    classes = np.zeros(len(scene_ids), np.int64)
    for number, values in enumerate(zip(*kinds, strict=True)):
        _, codes = np.unique(np.array(values, object), return_inverse=True)
        combined, finer = np.unique(classes * len(codes) + codes, return_inverse=True)
        if not number or len(combined) * folds <= len(scene_ids):
            classes = finer
    if np.bincount(classes).max() < folds:
        classes = np.zeros_like(classes)
    roles = np.full(len(scene_ids), "train", object)
    with warnings.catch_warnings():
        # Kinds with fewer images than folds, which are spread as well as they can be.
        warnings.simplefilter("ignore", UserWarning)
        parts = [found for _, found in StratifiedGroupKFold(folds).split(classes, classes, scene_ids)]
    roles[parts[fold]] = "test"
    roles[parts[(fold + 1) % folds]] = "eval"
    return [str(role) for role in roles]


def stable_fraction(name: str, seed: str) -> float:
    """Evenly spread number in [0, 1) that depends on name and seed alone (Python's hash() is salted)."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode(errors="surrogateescape")).digest()
    # 53 bits are what a float holds exactly.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
