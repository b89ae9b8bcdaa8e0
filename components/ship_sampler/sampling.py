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
    """An image that may be drawn.

    Attributes:
        image_id: its name.
        split: such as "train_ships".
        ship_group: such as "1-2".
        rows: rows that it has in the label table: one a ship, or one without a mask.
    """

    image_id: str
    split: str
    ship_group: str
    rows: int = 1


class GroupCount(NamedTuple):
    """How a group of a role fared, in images; in rows for a training group that was drawn by mistake so.

    Attributes:
        role: "train" or "eval".
        group: ship group ("1-2"), or "ships" and "empty" for eval.
        available: how many there are.
        wanted: how many were asked for; None for all there are.
        drawn: how many were taken.
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


class _Draw(NamedTuple):
    """What is drawn: an image, or by mistake one of its rows."""

    image_id: str
    row: int


@dataclass(frozen=True)
class Sample:
    """What was drawn.

    Attributes:
        image_ids: the drawn images.
        counts: how each group fared, in reading order.
        rows: positions of the drawn rows by training image, if rows were drawn instead of images.
    """

    image_ids: frozenset[str]
    counts: tuple[GroupCount, ...]
    rows: dict[str, tuple[int, ...]] | None = None

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
    groups: dict[tuple[str, str], list[_Draw]] = defaultdict(list)
    for candidate in candidates:
        role, kind = candidate.split.split("_")
        rows = candidate.rows if settings.rows_mistake and role == "train" else 1
        group = candidate.ship_group if role == "train" else kind
        groups[role, group] += [_Draw(candidate.image_id, row) for row in range(rows)]

    if settings.strategy == "balanced":
        for group in SHIP_GROUPS:
            groups.setdefault(("train", group), [])
    drawn: dict[str, list[int]] = defaultdict(list)
    counts = []
    for role, group in sorted(groups, key=_reading_order):
        choice = groups[role, group]
        limit = settings.eval_images if role == "eval" else _train_limit(group, settings)
        if limit is None or limit >= len(choice):
            chosen = choice
        else:
            chosen = sorted(choice, key=lambda draw: _priority(draw, settings.seed))[:limit]
        for draw in chosen:
            drawn[draw.image_id].append(draw.row)
        # That there are fewer eval images than the cap is no shortfall.
        wanted = limit if settings.strategy == "balanced" and role == "train" else None
        counts.append(GroupCount(role, group, len(choice), wanted, len(chosen)))
    rows_of = {image_id: tuple(sorted(rows)) for image_id, rows in drawn.items()}
    return Sample(frozenset(drawn), tuple(counts), rows_of if settings.rows_mistake else None)


def _train_limit(group: str, settings: SamplingSettings) -> int | None:
    empty = group == SHIP_GROUPS[0]
    if settings.strategy == "all":
        return settings.max_empties if empty else None
    if settings.strategy == "ships_only":
        return 0 if empty else None
    return settings.empties if empty else settings.per_group


def _priority(draw: _Draw, seed: int) -> bytes:
    row = f":{draw.row}" if draw.row else ""
    return hashlib.sha256(f"{seed}:{draw.image_id}{row}".encode()).digest()


def _reading_order(key: tuple[str, str]) -> tuple[bool, int, str]:
    role, group = key
    return role != "train", SHIP_GROUPS.index(group) if group in SHIP_GROUPS else 0, group
