"""Which scene an image was cut from, and further columns to slice the evaluation by (e.g. Source).

A scene is known from the user's table or, where that says nothing, found by `overlaps`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.examples import IMAGE_FEATURES
from components.ship_example_gen.overlaps import SceneGroups, connected
from components.ship_example_gen.quality import SCALARS
from components.ship_example_gen.tables import read_table


@dataclass(frozen=True)
class SceneTable:
    """The scene table, keyed by image.

    Attributes:
        extra_columns: names of the slicing features, in the order of the file.
        scene_ids: image id -> scene id, for images whose scene is known.
        extras: image id -> values of the extra columns, for every image that has a row.
    """

    extra_columns: tuple[str, ...] = ()
    scene_ids: dict[str, str] = field(default_factory=dict)
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def count_known(self, image_ids: Iterable[str]) -> int:
        """How many of the images the table names."""
        return sum(image_id in self.extras for image_id in image_ids)

    def scene_of(self, image_id: str) -> str:
        """Scene of an image; the image is its own scene where none is known."""
        return self.scene_ids.get(image_id, image_id)

    def extras_of(self, image_id: str) -> dict[str, str]:
        """Slicing features of an image, "" where nothing is known."""
        values = self.extras.get(image_id, ("",) * len(self.extra_columns))
        return dict(zip(self.extra_columns, values, strict=True))


def read_scenes(path: str) -> SceneTable:
    """Reads the scene table: ImageId, SceneId and any further columns.

    A row that is too short lacks its last values. The first row of an image counts. Rows of images that are
    not there are passed over: a table of the whole collection may well go with a part of its images.

    Args:
        path: CSV file; "" gives an empty table.

    Raises:
        InputError: as `read_table`, or an extra column has no name, that of an Example's own feature, or one
            with control characters.
    """
    if not path:
        return SceneTable()
    table = read_table(path, ("ImageId", "SceneId"), "scene table")
    extra_columns = tuple(column for column in table.columns if column not in ("ImageId", "SceneId"))
    for column in extra_columns:
        # A schema in text format cannot name one with a line break.
        has_control = any(unicodedata.category(character) == "Cc" for character in column)
        if not column or has_control or column in (*IMAGE_FEATURES, *SCALARS):
            raise InputError(
                f"{path}, line 1: a column cannot be named {column!r}, which is no free name for a slicing "
                "feature. Rename or remove the column."
            )
    image_at, scene_at = table.columns.index("ImageId"), table.columns.index("SceneId")
    extras_at = [table.columns.index(column) for column in extra_columns]
    scene_ids: dict[str, str] = {}
    extras: dict[str, tuple[str, ...]] = {}
    for _, row in table.rows:
        cells = [cell.strip() for cell in row] + [""] * (len(table.columns) - len(row))
        image_id = cells[image_at]
        if not image_id or image_id in extras:
            continue
        extras[image_id] = tuple(cells[at] for at in extras_at)
        if cells[scene_at]:
            scene_ids[image_id] = cells[scene_at]
    return SceneTable(extra_columns, scene_ids, extras)


@dataclass(frozen=True)
class Origin:
    """Where an image comes from.

    Attributes:
        scene_id: as the table says; else "group of NAME" if other images show the same ground, NAME being the
            first of them; else the image id.
        dealt_as: what decides the role. Images that show the same ground have it in common, whatever scenes
            they are said to be of.
        duplicate_of: the image of which this is a copy; "" if there is none.
    """

    scene_id: str
    dealt_as: str
    duplicate_of: str = ""


def origins(image_ids: Sequence[str], scenes: SceneTable, groups: SceneGroups | None) -> list[Origin]:
    """Origin of each image of the listing.

    Args:
        image_ids: the listing, by name.
        scenes: what the user's table says.
        groups: what the pixels say, in the order of the listing; None if nobody looked.
    """
    if groups is None:
        return [Origin(scene_id, scene_id) for scene_id in map(scenes.scene_of, image_ids)]
    _, first, size = np.unique(groups.group, return_index=True, return_counts=True)
    names = [
        f"group of {image_ids[first[group]]}" if size[group] > 1 else image_id
        for image_id, group in zip(image_ids, groups.group.tolist(), strict=True)
    ]
    scene_ids = [
        scenes.scene_ids.get(image_id, name) for image_id, name in zip(image_ids, names, strict=True)
    ]
    parts = _joined(groups.group, scene_ids)
    # A scene of the table is dealt as such whatever is found beside it; of several the first by name counts.
    dealt_as: dict[int, tuple[bool, str]] = {}
    for image_id, scene_id, part in zip(image_ids, scene_ids, parts, strict=True):
        candidate = (image_id not in scenes.scene_ids, scene_id)
        dealt_as[part] = min(dealt_as.get(part, candidate), candidate)
    return [
        Origin(scene_id, dealt_as[part][1], image_ids[original] if original != index else "")
        for index, (scene_id, part, original) in enumerate(
            zip(scene_ids, parts, groups.original.tolist(), strict=True)
        )
    ]


def leaking(links: NDArray[np.void], image_ids: Sequence[str], scenes: SceneTable) -> NDArray[np.void]:
    """The links (`overlaps.LINK`) between images that the table says are of different scenes."""
    known = [scenes.scene_ids.get(image_id) for image_id in image_ids]
    pairs = zip(links["first"].tolist(), links["second"].tolist(), strict=True)
    apart = [None not in (known[a], known[b]) and known[a] != known[b] for a, b in pairs]
    return np.asarray(links[np.array(apart, bool)])


def _joined(group: NDArray[np.int32], scene_ids: Sequence[str]) -> list[int]:
    """Numbers the images; those of one group or of one scene have the same, directly or over others."""
    _, scene = np.unique(np.array(scene_ids, object), return_inverse=True)
    groups = int(group.max(initial=-1)) + 1
    nodes = groups + int(scene.max(initial=-1)) + 1
    numbers: list[int] = connected(nodes, group.astype(np.int64), groups + scene)[group].tolist()
    return numbers
