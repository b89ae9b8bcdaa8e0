"""The pass over all images before they are dealt to the roles: fingerprints by Beam, groups from them."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

from components.parallel import cores, in_order
from components.progress import advance, running
from components.ship_example_gen.fingerprints import Fingerprints, fingerprint_file
from components.ship_example_gen.listing import ImageFile
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups
from components.tfrecords import WriteSplit, read_records

OVERLAPS_FILE = "overlaps.csv"
_SPLIT = "fingerprints"
# Beam needs 0.1 ms to hand over an element of any size, so images are handed over in lists.
_LISTED_TOGETHER = 256


def find_groups_by_beam(
    make_pipeline: Callable[[], beam.Pipeline], images: Sequence[ImageFile], folder: str, stage: str
) -> SceneGroups:
    """Which of the images show the same ground.

    Args:
        make_pipeline: gives a Beam pipeline of its own.
        images: the listing.
        folder: where the fingerprints wait until all are there (0.9 KB an image); gone afterwards.
        stage: under which progress is told.
    """
    listed = list(enumerate(images))
    lists = [listed[start : start + _LISTED_TOGETHER] for start in range(0, len(listed), _LISTED_TOGETHER)]
    with running(stage, len(images), "fingerprints"), make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Images" >> beam.Create(lists)
            | "Fingerprint" >> beam.ParDo(_FingerprintImages(stage))
            | "Write" >> WriteSplit(folder, _SPLIT)
        )
    fingerprints = Fingerprints.of_records(read_records(folder, _SPLIT), len(images))
    tf.io.gfile.rmtree(folder)
    return find_groups(fingerprints)


class _FingerprintImages(beam.DoFn):
    """Lists of (index, image) -> records of fingerprints, on all cores of the worker."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def setup(self) -> None:
        """Starts a thread for each core."""
        self._pool = ThreadPoolExecutor(cores())

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def process(self, images: list[tuple[int, ImageFile]]) -> Iterator[bytes]:
        """Fingerprints a list of images."""
        for record in in_order(self._pool, fingerprint_file, images, ahead=4 * cores()):
            advance(self._stage)
            yield record


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
