"""The draw itself: by image and by ship group, decided by a hash, so that it does not depend on any order."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from components.examples import SHIP_GROUPS
from components.ship_sampler.settings import SamplingSettings


@dataclass(frozen=True)
class Candidate:
    """An image that may be drawn: its id, its split (such as "train_ships") and its ship group ("1-2")."""

    image_id: str
    split: str
    ship_group: str


@dataclass(frozen=True)
class Sample:
    """The drawn image ids, and per group what was there, wanted and drawn."""

    image_ids: frozenset[str]
    counts: dict[str, tuple[int, int]]

    def summary(self) -> str:
        """One line such as "train 0: 500 of 812, 1-2: 140 of 140"."""
        return ", ".join(f"{name}: {drawn} of {there}" for name, (drawn, there) in self.counts.items())


def sample_images(candidates: Iterable[Candidate], settings: SamplingSettings) -> Sample:
    """Draw the images that train and those that early stopping looks at.

    An image is drawn whole: all its ships come with it. Within a group, images are ordered by the hash of
    seed and image id, and the first ones are taken; a larger sample therefore contains every smaller one.

    Args:
        candidates: images of the train and eval splits, each once.
        settings: strategy, sizes and seed.

    Returns:
        The sample; its counts have one entry per role and group that any candidate belongs to.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for candidate in candidates:
        role, kind = candidate.split.split("_")
        groups[role, candidate.ship_group if role == "train" else kind].append(candidate.image_id)

    drawn: set[str] = set()
    counts = {}
    for role, group in sorted(groups, key=_reading_order):
        image_ids = groups[role, group]
        limit = settings.eval_images if role == "eval" else _train_limit(group, settings)
        if limit is None or limit >= len(image_ids):
            chosen = image_ids
        else:
            chosen = sorted(image_ids, key=lambda image_id: _priority(image_id, settings.seed))[:limit]
        drawn.update(chosen)
        counts[f"{role} {group}"] = (len(chosen), len(image_ids))
    return Sample(frozenset(drawn), counts)


def _train_limit(group: str, settings: SamplingSettings) -> int | None:
    empty = group == SHIP_GROUPS[0]
    if settings.strategy == "all":
        return None
    if settings.strategy == "ships_only":
        return 0 if empty else None
    return settings.empties if empty else settings.per_group


def _priority(image_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{image_id}".encode()).digest()


def _reading_order(key: tuple[str, str]) -> tuple[bool, int, str]:
    role, group = key
    return role != "train", SHIP_GROUPS.index(group) if group in SHIP_GROUPS else 0, group
