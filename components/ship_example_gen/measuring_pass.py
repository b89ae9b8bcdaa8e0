"""The pass over all images before they are dealt to the roles: each is read and decoded here, and only here.

It gives the fingerprints, which tell what shows the same ground, and all else that there is to be known of
the pixels. The latter waits in a file for each list of images (1-2 KB an image), and `ingestion`, which goes
through the same lists, adds the bytes.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindows

from components.parallel import cores, measuring_pool
from components.progress import advance, running
from components.ship_example_gen.fingerprints import Fingerprints
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured, measure_files
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups
from components.ship_example_gen.stored_lists import StoredLists
from components.tfrecords import WriteSplits, read_records

OVERLAPS_FILE = "overlaps.csv"
_SPLIT = "fingerprints"
# Images that a process gets at a time: a call takes 0.3 ms, an image 8.
_HANDFUL = 8
_Handful = Sequence[tuple[int, LabelledImage]]


def measure_by_beam(
    make_pipeline: Callable[[], beam.Pipeline],
    images: Sequence[tuple[int, LabelledImage]],
    measure: Measure,
    measured: StoredLists[Measured],
    stage: str,
) -> SceneGroups:
    """Measures all images, and tells which of them show the same ground.

    Args:
        make_pipeline: gives a Beam pipeline of its own.
        images: the images with their places in the listing.
        measure: the rules.
        measured: receives the measurements; in their folder the fingerprints are left, too (0.9 KB an image).
        stage: under which progress is told.
    """
    listed: StoredLists[tuple[int, LabelledImage]] = StoredLists(measured.folder, "listed")
    with running(stage, len(images), "measured images"), make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Lists" >> beam.Create(listed.write_all(images))
            | "Measure" >> beam.ParDo(_MeasureImages(measure, listed, measured, stage, len(images)))
            | "Write" >> WriteSplits({_SPLIT: measured.folder})
        )
    return find_groups(Fingerprints.of_records(read_records(measured.folder, _SPLIT), len(images)))


class _MeasureImages(beam.DoFn):
    """Numbers of lists of (place in the listing, image) -> records of fingerprints, on all cores.

    The next list is begun before the results of one are waited for, so that no core is idle in between.
    """

    def __init__(
        self,
        measure: Measure,
        listed: StoredLists[tuple[int, LabelledImage]],
        measured: StoredLists[Measured],
        stage: str,
        total: int,
    ) -> None:
        self._measure, self._listed, self._measured = measure, listed, measured
        self._stage, self._total = stage, total

    def setup(self) -> None:
        """Starts a thread or a process for each core."""
        self._pool = measuring_pool(self._total)

    def teardown(self) -> None:
        """Ends them."""
        self._pool.shutdown()

    def start_bundle(self) -> None:
        """Begins without a list."""
        self._begun: _Begun | None = None

    def process(self, number: int) -> Iterator[tuple[str, bytes]]:
        """Begins a list of images and hands on the fingerprints of the one before."""
        before, self._begun = self._begun, self._begin(number)
        if before:
            yield from self._finish(before)

    def finish_bundle(self) -> Iterator[Any]:
        """Hands on those of the last list."""
        if self._begun:
            yield from map(GlobalWindows.windowed_value, self._finish(self._begun))

    def _begin(self, number: int) -> "_Begun":
        images = self._listed.read(number)
        handfuls = [images[start : start + _HANDFUL] for start in range(0, len(images), _HANDFUL)]
        with self._failing_clearly(handfuls):
            calls = [self._pool.submit(measure_files, self._measure, handful) for handful in handfuls]
        return _Begun(number, list(zip(handfuls, calls, strict=True)))

    def _finish(self, begun: "_Begun") -> Iterator[tuple[str, bytes]]:
        """Takes the measurements of a list, keeps them and gives the fingerprints."""
        measured: list[Measured] = []
        for place, (_, call) in enumerate(begun.calls):
            with self._failing_clearly([handful for handful, _ in begun.calls[place:]]):
                found = call.result()
            advance(self._stage, len(found))
            for record, of_image in found:
                measured.append(of_image)
                yield _SPLIT, record
        self._measured.write(begun.number, measured)

    @contextmanager
    def _failing_clearly(self, handfuls: Sequence[_Handful]) -> Iterator[None]:
        """Ends the work at once where it cannot go on, and says which images it was at."""
        try:
            yield
        except BaseException as error:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenExecutor):
                suspects = [image.path for handful in handfuls[: cores()] for _, image in handful]
                exit_code = re.search(r"{.*}", str(error))
                raise RuntimeError(
                    f"a process that measured images died {exit_code.group() if exit_code else ''}, killed, "
                    f"out of memory or brought down by one of these images: {', '.join(suspects)}"
                ) from error
            raise


@dataclass(frozen=True)
class _Begun:
    """A list whose images are being measured.

    Attributes:
        number: of the list.
        calls: handfuls of its images with what becomes of them.
    """

    number: int
    calls: list[tuple[_Handful, Future[list[tuple[bytes, Measured]]]]]


def write_overlaps(groups: SceneGroups, image_ids: Sequence[str], path: str) -> None:
    """Writes the links: image_id,other_image_id,kind,shift_rows,shift_columns, by the names.

    The other image begins so many px below and to the right of the first one. Not every pair of a group is
    compared, so images of a group need not have a line in common.
    """
    with FileSystems.create(path) as file:
        file.write(b"image_id,other_image_id,kind,shift_rows,shift_columns\n")
        for first, second, kind, rows, columns in groups.links.tolist():
            text = io.StringIO(newline="")
            names = (image_ids[first], image_ids[second])
            csv.writer(text, lineterminator="\n").writerow((*names, Kind(kind).name.lower(), rows, columns))
            file.write(text.getvalue().encode(errors="surrogateescape"))
