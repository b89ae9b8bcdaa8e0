"""`ships scenes`: which images of a folder show the same ground, as a scene table."""

import csv
import io
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.errors import InputError
from components.parallel import AHEAD_PER_CORE, cores, in_order, thread_pool
from components.progress import Meter
from components.ship_example_gen.fingerprints import Fingerprints, fingerprint_file
from components.ship_example_gen.inputs import read_scenes_of
from components.ship_example_gen.listing import ImageFile, list_images
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups
from components.ship_example_gen.scenes import SceneTable, leaking, origins
from pipeline.console import ProgressDisplay

# More of them help nobody in a terminal; the table that is written shows the groups.
_SHOWN_PAIRS = 20


def find_scenes(images: str, output: Path | None, scenes: str, console: Console) -> None:
    """Group the images of a folder, print what was found and write the table.

    Args:
        images: the folder.
        output: where ImageId,SceneId is written; None for nowhere.
        scenes: a scene table to compare with, "" for none.
        console: where progress and results are shown.

    Raises:
        InputError: no images, an unusable scene table, or the output cannot be written.
    """
    listed = list_images(images)
    known = read_scenes_of(listed, scenes)
    image_ids = [image.image_id for image in listed]
    with ProgressDisplay(console):
        groups = find_groups(_fingerprints(listed))
    console.print(f"{groups}.", highlight=False, soft_wrap=True)
    if scenes:
        _compare(groups, image_ids, known, console)
    if output:
        _write(output, image_ids, groups)
        console.print(f"Written: {output}", highlight=False, soft_wrap=True)


def _fingerprints(images: tuple[ImageFile, ...]) -> Fingerprints:
    with Meter("Fingerprints", len(images), "images") as meter, thread_pool() as pool:

        def told(record: bytes) -> bytes:
            meter.advance()
            return record

        records = in_order(pool, fingerprint_file, enumerate(images), ahead=AHEAD_PER_CORE * cores())
        return Fingerprints.of_records(map(told, records), len(images))


def _compare(groups: SceneGroups, image_ids: list[str], known: SceneTable, console: Console) -> None:
    """Say which images leak: the same ground under the name of two scenes."""
    leaks = leaking(groups.links, image_ids, known)
    if not len(leaks):
        console.print("The scene table puts nothing that was found together into different scenes.")
        return
    table = Table(title=f"{len(leaks)} pairs of images leak across scenes of the table", title_justify="left")
    for column in ("image", "scene", "other image", "other scene", "what", "begins px below", "to the right"):
        table.add_column(column, overflow="fold")
    for first, second, kind, rows, columns in leaks[:_SHOWN_PAIRS].tolist():
        one, other = image_ids[first], image_ids[second]
        table.add_row(
            one, known.scene_of(one), other, known.scene_of(other),
            Kind(kind).name.lower().replace("_", " "), str(rows), str(columns),
        )  # fmt: skip
    console.print(table)
    if len(leaks) > _SHOWN_PAIRS:
        console.print(f"... and {len(leaks) - _SHOWN_PAIRS} more.", highlight=False)


def _write(output: Path, image_ids: list[str], groups: SceneGroups) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ImageId", "SceneId"))
    found = origins(image_ids, SceneTable(), groups)
    writer.writerows((image_id, origin.scene_id) for image_id, origin in zip(image_ids, found, strict=True))
    try:
        output.write_bytes(text.getvalue().encode(errors="surrogateescape"))
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
