"""The pass over all images before they are dealt to the roles: each is read and decoded here, and only here.

It gives the fingerprints, which tell what shows the same ground, and all else that there is to be known of
the pixels. The latter waits in a file for each list of images (1-2 KB an image), and `ingestion`, which goes
through the same lists, adds the bytes.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.parallel import AHEAD_PER_CORE, cores, in_order, thread_pool
from components.progress import advance, running
from components.ship_example_gen.decoding import decode
from components.ship_example_gen.fingerprints import Fingerprints, fingerprint_of
from components.ship_example_gen.listing import read_or_nothing
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups
from components.ship_example_gen.stored_lists import StoredLists
from components.tfrecords import WriteSplits, read_records

OVERLAPS_FILE = "overlaps.csv"
_SPLIT = "fingerprints"


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
            | "Measure" >> beam.ParDo(_MeasureImages(measure, listed, measured, stage))
            | "Write" >> WriteSplits({_SPLIT: measured.folder})
        )
    return find_groups(Fingerprints.of_records(read_records(measured.folder, _SPLIT), len(images)))


class _MeasureImages(beam.DoFn):
    """Numbers of lists of (place in the listing, image) -> records of fingerprints, on all cores."""

    def __init__(
        self,
        measure: Measure,
        listed: StoredLists[tuple[int, LabelledImage]],
        measured: StoredLists[Measured],
        stage: str,
    ) -> None:
        self._measure, self._listed, self._measured, self._stage = measure, listed, measured, stage

    def setup(self) -> None:
        """Starts a thread for each core."""
        self._pool = thread_pool()

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def process(self, number: int) -> Iterator[tuple[str, bytes]]:
        """Measures a list of images, keeps what was found and hands the fingerprints on."""
        images = self._listed.read(number)
        found = []
        for record, measured in in_order(
            self._pool, self._measure_image, images, ahead=AHEAD_PER_CORE * cores()
        ):
            advance(self._stage)
            found.append(measured)
            yield _SPLIT, record
        self._measured.write(number, found)

    def _measure_image(self, listed: tuple[int, LabelledImage]) -> tuple[bytes, Measured]:
        index, image = listed
        image_bytes = read_or_nothing(image.path)
        decoded = decode(image_bytes)
        measured = self._measure.decoded(image, image_bytes, decoded)
        # Files that cannot be read are no copies of each other.
        fingerprint = fingerprint_of(measured.sha1 if image_bytes else b"", decoded)
        return fingerprint.to_bytes(index), measured


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
