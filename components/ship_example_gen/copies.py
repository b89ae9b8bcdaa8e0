"""Which of several copies of a picture is used: the one whose label can be trusted. Imports no TensorFlow.

By name alone a stray copy, "001 (1).jpg" without a label row, would come before "001.jpg", take it out as its
duplicate and, being quarantined itself, lose the picture with all its ships.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from components.ship_example_gen.labels import Issue, LabelTable
from components.ship_example_gen.measuring import LabelledImage, Measured
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.stored_lists import StoredLists


class _Copy(NamedTuple):
    """What is known of one of several copies; the least one is used."""

    is_broken: bool
    has_faults: bool
    has_doubts: bool
    place: int
    image_id: str
    ships: tuple[str, ...]


def choose_originals(
    groups: SceneGroups,
    images: Sequence[tuple[int, LabelledImage]],
    known: StoredLists[Measured],
    labels: LabelTable,
) -> tuple[SceneGroups, list[Issue]]:
    """Makes the best copy the original of each: decodable, with a good label, and first by name among such.

    Args:
        groups: with the first of the copies as their original.
        images: the images with their places in the listing.
        known: what was measured, in the order of `images`.
        labels: the label table.

    Returns:
        The groups with the best copies as originals, and an issue for each copy that is labelled otherwise
        than its original, since one of the two labels is wrong.
    """
    is_copy = groups.original != np.arange(len(groups.original))
    copied = set(groups.original[is_copy].tolist())
    # The lists are read for these alone: most data sets have few copies, or none.
    sought = {number: place for number, (place, _) in enumerate(images) if groups.original[place] in copied}
    copies: dict[int, list[_Copy]] = {}
    for number, measured in known.pick(sought):
        place, label = sought[number], measured.label
        copy = _Copy(
            not measured.is_decodable,
            bool(label.faults),
            bool(label.doubts),
            place,
            measured.image_id,
            tuple(sorted(label.ships)),
        )
        copies.setdefault(int(groups.original[place]), []).append(copy)
    originals = groups.original.copy()
    issues = []
    for same in copies.values():
        best = min(same)
        originals[[copy.place for copy in same]] = best.place
        # What faults a label has is told elsewhere. If this one has none, nor has the best. Files that are no
        # pictures are alike in that alone.
        issues += [
            labels.issue(copy.image_id, f"label unlike that of its original: {best.image_id}", "ignored")
            for copy in same
            if not copy.is_broken and not copy.has_faults and copy.ships != best.ships
        ]
    return replace(groups, original=originals), issues
