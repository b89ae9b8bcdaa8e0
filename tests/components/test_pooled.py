"""Beam steps whose work is done in a pool, in the in-memory runner."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from components.pooled import Pooled


class Halves(Pooled[int, Future[tuple[int, int]]]):
    """Halves of numbers; what is left over goes another way."""

    begun = 0

    def __init__(self) -> None:
        super().__init__("halved numbers", seconds=0, ahead=2)

    def begin(self, number: int) -> Future[tuple[int, int]]:
        Halves.begun += 1
        with self.failing_clearly():
            return self.pool.submit(divmod, number, 2)

    def finish(self, begun: Future[tuple[int, int]]) -> Iterator[Any]:
        assert Halves.begun <= 3
        with self.failing_clearly():
            half, rest = begun.result()
        Halves.begun -= 1
        yield half
        if rest:
            yield beam.pvalue.TaggedOutput("rests", rest)


def _halves(numbers: list[Any], folder: Path) -> list[str]:
    """What came out in both ways, as text."""
    Halves.begun = 0
    with beam.Pipeline() as pipeline:
        # Not created by Beam's own step, which would deal them to several bundles.
        halved = (
            pipeline
            | beam.Create([numbers])
            | beam.FlatMap(lambda numbers: numbers)
            | beam.ParDo(Halves()).with_outputs("rests", main="halves")
        )
        for name in ("halves", "rests"):
            _ = (
                halved[name]
                | f"All {name}" >> beam.combiners.ToList()
                | f"Write {name}" >> beam.Map(lambda found, path: path.write_text(str(found)), folder / name)
            )
    return [(folder / name).read_text() for name in ("halves", "rests")]


def test_all_come_out_in_order_and_few_are_begun_ahead(tmp_path):
    assert _halves([0, 3, 4, 10, 7, 12, 1], tmp_path) == ["[0, 1, 2, 5, 3, 6, 0]", "[1, 1, 1]"]


def test_what_goes_wrong_in_the_pool_ends_the_pipeline(tmp_path):
    with pytest.raises(TypeError, match="divmod"):
        _halves([0, "two", 4], tmp_path)
