"""What has been measured becomes record files, by processes of which each writes its own.

Imports neither TensorFlow nor, for local files, Beam.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from absl import logging

from components.beam_files import is_remote
from components.examples import split_name
from components.parallel import in_order
from components.record_files import UnfinishedFiles
from components.ship_example_gen.example import PlannedImage, make_example
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.listing import read_image
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.stored_lists import StoredLists

# Another filesystem takes tens of milliseconds to begin an answer.
_REMOTE_READS = 8


@dataclass
class Made:
    """What became of some images.

    Attributes:
        files: pairs (split, path) of what was written.
        counts: images by split.
        undecodable: how many of the images cannot be decoded.
        issues: label issues.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    undecodable: int = 0
    issues: list[Issue] = field(default_factory=list)


def make_records(
    numbers: Sequence[int],
    planned: StoredLists[PlannedImage],
    known: StoredLists[Measured],
    measure: Measure,
    uris: Mapping[str, str],
) -> Made:
    """Writes the Examples of some lists of images, which need not be readable.

    Args:
        numbers: of the lists, in ascending order.
        planned: lists of images.
        known: what was found in them.
        measure: measures an image whose file has changed since.
        uris: for each split the artifact that it belongs to.
    """
    made = Made()
    files = UnfinishedFiles(uris, f"{numbers[0]:06d}-")
    for number in numbers:
        images = planned.read(number)
        contents = _contents([image.listed for image in images])
        for image, measured, image_bytes in zip(images, known.read(number), contents, strict=True):
            if not measured.is_of(image.listed.image_id, image_bytes):
                logging.warning(
                    "%s has changed since it was measured, and is measured anew", image.listed.path
                )
                measured = measure(image.listed, image_bytes)  # noqa: PLW2901
            split = split_name(image.role, len(measured.label.ships))
            files.write(
                split, make_example(image, image_bytes, measured).SerializeToString(deterministic=True)
            )
            made.counts[split] += 1
            made.undecodable += not measured.is_decodable
            made.issues += measured.label.issues
    made.files = files.close()
    return made


def _contents(images: Sequence[LabelledImage]) -> Iterator[bytes]:
    """Content of each file; b"" of one that cannot be read."""
    if not is_remote(images[0].path):
        yield from map(_content, images)
        return
    with ThreadPoolExecutor(_REMOTE_READS) as pool:
        yield from in_order(pool, _content, images, ahead=_REMOTE_READS)


def _content(image: LabelledImage) -> bytes:
    try:
        return read_image(image.path, image.size)
    except OSError as error:
        logging.warning("%s cannot be read: %s", image.path, error)
        return b""
