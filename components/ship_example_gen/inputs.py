"""The door of the ingestion: what cannot be used at all is refused here, before any image is read.

Imports neither TensorFlow nor Beam (Beam only for remote paths), so the command line can call `check_inputs`
before it starts anything heavy. Faults of single rows and images pass; they become quarantine reasons.
"""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.errors import InputError
from components.ship_example_gen.labels import LabelTable, read_labels
from components.ship_example_gen.listing import ImageFile, list_images
from components.ship_example_gen.scenes import SceneTable, read_scenes


@dataclass(frozen=True)
class Inputs:
    """The folder as listed and the tables as read."""

    images: tuple[ImageFile, ...]
    labels: LabelTable
    scenes: SceneTable


def read_inputs(images: str, labels: str, scenes: str) -> Inputs:
    """Lists the images and reads the tables: 192,548 images and 231,705 rows take 5 s of a core.

    Args:
        images: folder of the images.
        labels: label table (ImageId,EncodedPixels).
        scenes: scene table (ImageId,SceneId,...), "" for none.

    Raises:
        InputError: missing or empty folder, missing or unreadable table, missing column, labels or scenes
            that name none of the images, or no image with a ship. The message says what to do.
    """
    listed = list_images(images)
    inputs = Inputs(listed, read_labels(labels), read_scenes_of(listed, scenes))
    known = [image.image_id for image in inputs.images if image.image_id in inputs.labels.rows]
    if not known:
        raise _naming_none(labels, inputs.labels.rows, listed)
    if not any(row.encoded for image_id in known for row in inputs.labels.rows[image_id]):
        raise InputError(
            f"{labels}: no image of {images} has a ship (EncodedPixels is empty in all of their rows), so "
            "there is nothing to learn a mask from. Give labels with run-length masks."
        )
    return inputs


def read_scenes_of(images: Sequence[ImageFile], path: str) -> SceneTable:
    """Reads the scene table of images, some of which it must know.

    Args:
        images: the images, at least one.
        path: scene table, "" for none.

    Raises:
        InputError: as `read_scenes`, or no row names any of the images. Else each would quietly pass for a
            scene of its own, and its slicing features be empty.
    """
    scenes = read_scenes(path)
    if path and not scenes.count_known(image.image_id for image in images):
        raise _naming_none(path, scenes.extras, images)
    return scenes


def _naming_none(table: str, named: Iterable[str], images: Sequence[ImageFile]) -> InputError:
    example = next(iter(named), None)
    found = f"its first id is {example!r}" if example else "it has no rows"
    return InputError(
        f"{table}: no row names an image of {posixpath.dirname(images[0].path)}; {found}, the first image is "
        f"{images[0].image_id!r}. ImageId must be the file name with its ending."
    )


def check_inputs(images: str, labels: str, scenes: str = "") -> None:
    """Raises InputError for input that the pipeline cannot use at all; see `read_inputs`."""
    read_inputs(images, labels, scenes)
