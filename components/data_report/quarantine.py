"""The quarantine as the page shows it: every reason with its count, and some images of each."""

import posixpath
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest

import tensorflow as tf

from components.data_report.texts import shortened, text
from components.data_report.thumbnails import thumbnail
from components.examples import IMAGE, IMAGE_ID
from components.files import read_bytes
from components.image_screener.executor import QUARANTINE_REASONS, QUARANTINE_SPLIT
from components.image_screener.flagged import QUARANTINE_CSV, read_flagged
from components.image_screener.outcome import KEPT
from components.tfrecords import read_records

_EXAMPLES_OF_USED = 20


@dataclass(frozen=True)
class Quarantined:
    """A quarantined image.

    Attributes:
        image_id: file name.
        split: where it would have been.
        reasons: all that was found against it.
        thumbnail: data URI, "" if it cannot be decoded.
    """

    image_id: str
    split: str
    reasons: tuple[str, ...]
    thumbnail: str


@dataclass(frozen=True)
class QuarantineGroup:
    """The quarantined images that have the same first reason.

    Attributes:
        reason: the feature, e.g. "decode_ok", or "dropped".
        total: how many there are.
        shown: some of them.
    """

    reason: str
    total: int
    shown: tuple[Quarantined, ...]


@dataclass(frozen=True)
class Used:
    """A flagged image that was accepted all the same."""

    image_id: str
    split: str
    reasons: str


@dataclass(frozen=True)
class UsedGroup:
    """The accepted ones of one outcome, "warned" or "restored": how many, and the first few of them."""

    outcome: str
    total: int
    examples: tuple[Used, ...]


@dataclass
class Quarantine:
    """The table of the flagged images.

    Attributes:
        path: quarantine.csv.
        groups: ids of the quarantined ones by the first reason.
        splits: split of each of these.
        used: how many were accepted all the same, by outcome.
        examples: the first few of them.
    """

    path: str
    groups: dict[str, list[str]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    used: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Used]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.splits)

    def per_split(self) -> Counter[str]:
        """How many images of each split are quarantined."""
        return Counter(self.splits.values())

    def used_groups(self) -> tuple[UsedGroup, ...]:
        """The flagged images that were accepted, the commonest outcome first."""
        return tuple(
            UsedGroup(outcome, total, tuple(self.examples[outcome]))
            for outcome, total in self.used.most_common()
        )


def read_quarantine(uri: str) -> Quarantine:
    """The table of a quarantine artifact; memory grows with the quarantine, not with the data set."""
    quarantine = Quarantine(posixpath.join(uri, QUARANTINE_CSV))
    for row in read_flagged(read_bytes(quarantine.path)):
        if row.outcome in KEPT:
            quarantine.used[row.outcome] += 1
            examples = quarantine.examples.setdefault(row.outcome, [])
            if len(examples) < _EXAMPLES_OF_USED:
                examples.append(Used(row.image_id, row.split, shortened(row.reasons)))
        else:
            quarantine.groups.setdefault(row.causes[0], []).append(row.image_id)
            quarantine.splits[row.image_id] = row.split
    return quarantine


def gallery(quarantine: Quarantine, uri: str, most: int) -> tuple[QuarantineGroup, ...]:
    """Images of each reason, the commonest reason first.

    Args:
        quarantine: the table.
        uri: of the quarantine artifact.
        most: images in all; each reason gets as many as any other while it has some left.
    """
    groups = sorted(quarantine.groups.items(), key=lambda group: (-len(group[1]), group[0]))
    turns = zip_longest(*(image_ids for _, image_ids in groups))
    chosen = [image_id for turn in turns for image_id in turn if image_id is not None][:most]
    shown = _read(uri, set(chosen), quarantine.splits)
    return tuple(
        QuarantineGroup(reason, len(image_ids), tuple(shown[name] for name in image_ids if name in shown))
        for reason, image_ids in groups
    )


def _read(uri: str, chosen: set[str], splits: dict[str, str]) -> dict[str, Quarantined]:
    found: dict[str, Quarantined] = {}
    for record in read_records(uri, QUARANTINE_SPLIT):
        if len(found) == len(chosen):
            break
        feature = tf.train.Example.FromString(record).features.feature
        image_id = text(feature[IMAGE_ID])
        if image_id in chosen:
            reasons = feature[QUARANTINE_REASONS].bytes_list.value
            found[image_id] = Quarantined(
                image_id,
                splits[image_id],
                tuple(shortened(reason.decode(errors="replace")) for reason in reasons),
                thumbnail(b"".join(feature[IMAGE].bytes_list.value)),
            )
    return found
