"""The same look at each image on the workers of a Beam runner."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.errors import ShipsError
from pipeline.prediction.asked import Asked
from pipeline.prediction.journal import END_LINE, Source, begin_line, to_line
from pipeline.serving.faults import RefusedImageError

_BROKEN = "broken"


def predict_by_beam(
    sources: Sequence[Source], asked: Asked, args: Sequence[str], folder: Path
) -> tuple[Iterator[bytes], list[tuple[Path, str]]]:
    """Look at all images, and come back when all are done.

    Args:
        sources: images that every worker sees.
        asked: who finds ships.
        args: Beam's options, such as --runner=FlinkRunner.
        folder: empty, seen by every worker; what they write.

    Returns:
        Lines for the journal, and path and reason of images without an answer.

    Raises:
        ShipsError: a worker finds another version of the model; as Beam wraps it.
    """
    with beam.Pipeline(options=PipelineOptions(list(args))) as pipeline:
        looks = (
            pipeline
            | "Images" >> beam.Create(sources)
            | "Spread" >> beam.Reshuffle()
            | "Look" >> beam.ParDo(_Look(asked)).with_outputs(_BROKEN, main="found")
        )
        _ = looks.found | "WriteFound" >> beam.io.WriteToText(str(folder / "found"))
        _ = looks[_BROKEN] | "WriteBroken" >> beam.io.WriteToText(str(folder / _BROKEN))
    broken = [json.loads(line) for line in _lines(folder, _BROKEN)]
    return _lines(folder, "found"), [(Path(path), reason) for path, reason in broken]


class _Look(beam.DoFn):
    """Journal lines of an image, together as one text, so that they stay together."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked

    def setup(self) -> None:
        """Load the model, or find the server."""
        from pipeline.serving.detectors import make_detector  # noqa: PLC0415 - TensorFlow

        asked = self._asked
        self._detector = make_detector(asked.models, asked.server, asked.name)
        if self._detector.version != asked.version:
            raise ShipsError(f"version {self._detector.version} was pushed meanwhile; start again")
        self._pool = ThreadPoolExecutor(1)

    def teardown(self) -> None:
        """End the thread."""
        self._pool.shutdown()

    def process(self, element: Source) -> Iterable[Any]:
        """See the class."""
        from pipeline.prediction.images import entries_of  # noqa: PLC0415 - TensorFlow

        path = Path(element.path)
        try:
            lines = [
                to_line(entry)
                for entry in entries_of(path, self._detector, self._pool, self._asked.min_pixels)
            ]
        except RefusedImageError as error:
            yield beam.pvalue.TaggedOutput(_BROKEN, json.dumps([element.path, str(error)]))
        else:
            yield b"".join([begin_line(element), *lines, END_LINE]).decode().removesuffix("\n")


def _lines(folder: Path, prefix: str) -> Iterator[bytes]:
    for shard in sorted(folder.glob(f"{prefix}-*")):
        with shard.open("rb") as file:
            yield from file
