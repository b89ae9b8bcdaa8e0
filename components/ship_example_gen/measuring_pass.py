"""The pass over all images before they are dealt to the roles: each is read and decoded here, and only here.

It gives the fingerprints, which tell what shows the same ground, and all else that there is to be known of
the pixels. The latter waits in a file for each list of images (1-2 KB an image), and `ingestion`, which goes
through the same lists, adds the bytes.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import apache_beam as beam

from components.beam_files import open_to_write
from components.parallel import cores
from components.pooled import Pooled
from components.progress import advance, running
from components.ship_example_gen.fingerprints import Fingerprints
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured, measure_files
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups
from components.ship_example_gen.stored_lists import StoredLists

OVERLAPS_FILE = "overlaps.csv"
# Images that a process gets at a time: a call takes 0.3 ms, an image 7.
_HANDFUL = 8
_SECONDS_AN_IMAGE = 0.007
_Handful = Sequence[tuple[int, LabelledImage]]


def measure_by_beam(
    make_pipeline: Callable[[], beam.Pipeline],
    images: Sequence[tuple[int, LabelledImage]],
    measure: Measure,
    measured: StoredLists[Measured],
    *,
    stage: str,
    find_overlaps: bool,
) -> SceneGroups | None:
    """Measures all images, and tells which of them show the same ground.

    Args:
        make_pipeline: gives a Beam pipeline of its own.
        images: the images with their places in the listing.
        measure: the rules.
        measured: receives the measurements; in their folder the fingerprints are left, too (0.9 KB an image).
        stage: under which progress is told.
        find_overlaps: if not, there are no fingerprints, and None is returned.
    """
    listed: StoredLists[tuple[int, LabelledImage]] = StoredLists(measured.folder, "listed")
    fingerprints: StoredLists[bytes] | None = None
    if find_overlaps:
        fingerprints = StoredLists(measured.folder, "fingerprints")
    numbers = listed.write_all(images)
    with running(stage, len(images), "measured images"), make_pipeline() as pipeline:
        step = _MeasureImages(measure, listed, measured, fingerprints, stage=stage, total=len(images))
        _ = pipeline | "Lists" >> beam.Create(numbers) | "Measure" >> beam.ParDo(step)
    if fingerprints is None:
        return None
    records = (record for number in numbers for record in fingerprints.read(number))
    return find_groups(Fingerprints.of_records(records, len(images)))


@dataclass(frozen=True)
class _Begun:
    """A list whose images are being measured.

    Attributes:
        number: of the list.
        calls: handfuls of its images with what becomes of them.
    """

    number: int
    calls: list[tuple[_Handful, Future[list[tuple[bytes, Measured]]]]]


class _MeasureImages(Pooled[int, _Begun]):
    """Takes numbers of lists of (place in the listing, image), and keeps what is found in lists."""

    def __init__(
        self,
        measure: Measure,
        listed: StoredLists[tuple[int, LabelledImage]],
        measured: StoredLists[Measured],
        fingerprints: StoredLists[bytes] | None,
        *,
        stage: str,
        total: int,
    ) -> None:
        # A list is work for all cores.
        super().__init__("measured images", total * _SECONDS_AN_IMAGE, ahead=1)
        self._measure, self._listed = measure, listed
        self._measured, self._fingerprints = measured, fingerprints
        self._stage = stage

    def begin(self, number: int) -> _Begun:
        images = self._listed.read(number)
        handfuls = [images[start : start + _HANDFUL] for start in range(0, len(images), _HANDFUL)]
        with_fingerprints = self._fingerprints is not None
        with self.failing_clearly(partial(_suspects, handfuls)):
            calls = [
                self.pool.submit(measure_files, self._measure, handful, with_fingerprints)
                for handful in handfuls
            ]
        return _Begun(number, list(zip(handfuls, calls, strict=True)))

    def finish(self, begun: _Begun) -> Iterator[None]:
        found: list[tuple[bytes, Measured]] = []
        for place, (_, call) in enumerate(begun.calls):
            left = [handful for handful, _ in begun.calls[place:]]
            with self.failing_clearly(partial(_suspects, left)):
                found += call.result()
            advance(self._stage, len(begun.calls[place][0]))
        self._measured.write(begun.number, [measured for _, measured in found])
        if self._fingerprints is not None:
            self._fingerprints.write(begun.number, [record for record, _ in found])
        yield from ()


def _suspects(handfuls: Sequence[_Handful]) -> list[str]:
    """Images that the processes were at when the first of these handfuls was not done."""
    return [image.path for handful in handfuls[: cores()] for _, image in handful]


def write_overlaps(groups: SceneGroups, image_ids: Sequence[str], path: str) -> None:
    """Writes the links: image_id,other_image_id,kind,shift_rows,shift_columns, by the names.

    The other image begins so many px below and to the right of the first one. Not every pair of a group is
    compared, so images of a group need not have a line in common.
    """
    with open_to_write(path) as file:
        file.write(b"image_id,other_image_id,kind,shift_rows,shift_columns\n")
        for first, second, kind, rows, columns in groups.links.tolist():
            text = io.StringIO(newline="")
            names = (image_ids[first], image_ids[second])
            csv.writer(text, lineterminator="\n").writerow((*names, Kind(kind).name.lower(), rows, columns))
            file.write(text.getvalue().encode(errors="surrogateescape"))
