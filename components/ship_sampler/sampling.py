"""The draw itself: by image and by ship group, decided by a hash, so that it does not depend on any order."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from components.examples import SHIP_GROUPS
from components.ship_sampler.settings import SamplingSettings


@dataclass(frozen=True)
class Candidate:
    """An image that may be drawn: its id, its split (such as "train_ships") and its ship group ("1-2")."""

    image_id: str
    split: str
    ship_group: str


class GroupCount(NamedTuple):
    """How a group of a role fared.

    Attributes:
        role: "train" or "eval".
        group: ship group ("1-2"), or "ships" and "empty" for eval.
        available: images there are.
        wanted: images asked for; None for all there are.
        drawn: images taken.
    """

    role: str
    group: str
    available: int
    wanted: int | None
    drawn: int

    @property
    def shortfall(self) -> int:
        """Images that were asked for and are not there."""
        return 0 if self.wanted is None else max(0, self.wanted - self.available)

    def __str__(self) -> str:
        told = f"{self.role} {self.group}: {self.drawn} of {self.available}"
        return f"{told} ({self.wanted} wanted)" if self.shortfall else told


@dataclass(frozen=True)
class Sample:
    """The drawn image ids, and how each group fared, in reading order."""

    image_ids: frozenset[str]
    counts: tuple[GroupCount, ...]

    def summary(self) -> str:
        """One line such as "train 0: 500 of 812, train 1-2: 140 of 140 (1500 wanted)"."""
        return ", ".join(map(str, self.counts))


def sample_images(candidates: Iterable[Candidate], settings: SamplingSettings) -> Sample:
    """Draw the images that train and those that early stopping looks at.

    An image is drawn whole: all its ships come with it. Within a group, images are ordered by the hash of
    seed and image id, and the first ones are taken; a larger sample therefore contains every smaller one.

    Args:
        candidates: images of the train and eval splits, each once.
        settings: strategy, sizes and seed.

    Returns:
        The sample; its counts have one entry per role and group that any candidate belongs to, and one for
        each ship group of which a balanced sample finds none at all.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for candidate in candidates:
        role, kind = candidate.split.split("_")
        groups[role, candidate.ship_group if role == "train" else kind].append(candidate.image_id)

    if settings.strategy == "balanced":
        for group in SHIP_GROUPS:
            groups.setdefault(("train", group), [])
    drawn: set[str] = set()
    counts = []
    for role, group in sorted(groups, key=_reading_order):
        image_ids = groups[role, group]
        limit = settings.eval_images if role == "eval" else _train_limit(group, settings)
        if limit is None or limit >= len(image_ids):
            chosen = image_ids
        else:
            chosen = sorted(image_ids, key=lambda image_id: _priority(image_id, settings.seed))[:limit]
        drawn.update(chosen)
        # That there are fewer eval images than the cap is no shortfall.
        wanted = limit if settings.strategy == "balanced" and role == "train" else None
        counts.append(GroupCount(role, group, len(image_ids), wanted, len(chosen)))
    return Sample(frozenset(drawn), tuple(counts))


def _train_limit(group: str, settings: SamplingSettings) -> int | None:
    empty = group == SHIP_GROUPS[0]
    if settings.strategy == "all":
        return settings.max_empties if empty else None
    if settings.strategy == "ships_only":
        return 0 if empty else None
    return settings.empties if empty else settings.per_group


def _priority(image_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{image_id}".encode()).digest()


def _reading_order(key: tuple[str, str]) -> tuple[bool, int, str]:
    role, group = key
    return role != "train", SHIP_GROUPS.index(group) if group in SHIP_GROUPS else 0, group
