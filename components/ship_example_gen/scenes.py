"""Which scene an image was cut from, and further columns to slice the evaluation by (e.g. Source)."""

from dataclasses import dataclass, field

from components.errors import InputError
from components.examples import IMAGE_FEATURES
from components.ship_example_gen.quality import SCALARS
from components.ship_example_gen.tables import read_table


@dataclass(frozen=True)
class SceneTable:
    """The scene table, keyed by image.

    Attributes:
        extra_columns: names of the slicing features, in the order of the file.
        scene_ids: image id -> scene id, for images whose scene is known.
        extras: image id -> values of the extra columns.
    """

    extra_columns: tuple[str, ...] = ()
    scene_ids: dict[str, str] = field(default_factory=dict)
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict)

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
        InputError: as `read_table`, or an extra column has no name or that of an Example's own feature.
    """
    if not path:
        return SceneTable()
    table = read_table(path, ("ImageId", "SceneId"), "scene table")
    extra_columns = tuple(column for column in table.columns if column not in ("ImageId", "SceneId"))
    for column in extra_columns:
        if not column or column in (*IMAGE_FEATURES, *SCALARS):
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
