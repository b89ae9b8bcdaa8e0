"""From the listing to Examples by Beam: every image that is listed becomes exactly one record.

`measuring_pass` has been over the images, so their pixels are not looked at again: `record_making` adds the
bytes, on all cores.
"""

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricResults, MetricsFilter
from apache_beam.runners.runner import PipelineResult

from components.beam_files import open_to_write, read_bytes
from components.examples import SPLITS
from components.pooled import Pooled
from components.progress import advance
from components.ship_example_gen.example import PlannedImage
from components.ship_example_gen.inputs import Inputs
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.record_making import Made, make_records
from components.ship_example_gen.scenes import Origin, origins
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.splits import fold_roles, scene_role, stable_fraction
from components.ship_example_gen.stored_lists import StoredLists
from components.tfrecords import FinishSplits

LABEL_ISSUES_FILE = "label_issues.csv"
STAGE = "ShipExampleGen"
_UNDECODABLE = "undecodable"
# A thousand images make files that are neither many nor large, 100 MB of Airbus tiles.
_LISTS_A_FILE = 4
_SECONDS_AN_IMAGE = 0.0006
_ISSUES = "issues"


def record_order(inputs: Inputs) -> list[tuple[int, LabelledImage]]:
    """The images with their places in the listing, in the order of the record files.

    The order is a stable one unlike that of the names, so that each part of a record file is a fair sample.
    """
    rows = inputs.labels.rows
    images = [
        (place, LabelledImage(image.image_id, image.path, rows.get(image.image_id, ()), image.size))
        for place, image in enumerate(inputs.images)
    ]
    return sorted(images, key=lambda listed: stable_fraction(listed[1].image_id, "order"))


def plan(
    inputs: Inputs, settings: IngestionSettings, groups: SceneGroups | None = None
) -> list[PlannedImage]:
    """Joins listing and tables and gives each image its role; `groups` say which show the same ground.

    The images are in `record_order`.
    """
    found = origins([image.image_id for image in inputs.images], inputs.scenes, groups)
    roles = _roles(inputs, found, settings)
    return [
        PlannedImage(
            listed=image,
            role=roles[place],
            scene_id=found[place].scene_id,
            extras=inputs.scenes.extras_of(image.image_id),
            duplicate_of=found[place].duplicate_of,
        )
        for place, image in record_order(inputs)
    ]


def _roles(inputs: Inputs, found: Sequence[Origin], settings: IngestionSettings) -> list[str]:
    scenes = [origin.dealt_as for origin in found]
    if not settings.folds:
        ratios = settings.train_ratio, settings.eval_ratio
        return [scene_role(scene, *ratios, settings.split_seed) for scene in scenes]
    kinds = []
    for image in inputs.images:
        has_ships = any(row.encoded for row in inputs.labels.rows.get(image.image_id, ()))
        kinds.append((str(has_ships), *inputs.scenes.extras_of(image.image_id).values()))
    return fold_roles(scenes, kinds, settings.folds, settings.fold)


def ingest(
    pipeline: beam.Pipeline,
    images: list[PlannedImage],
    *,
    planned: StoredLists[PlannedImage],
    known: StoredLists[Measured],
    measure: Measure,
    issues: StoredLists[Issue],
    issue_lists: Sequence[int],
    examples_uri: str,
    report_uri: str,
) -> None:
    """Adds the whole stage to a Beam pipeline.

    Args:
        pipeline: where to.
        images: the plan.
        planned: receives the plan, for the workers.
        known: the measurements of these images in this order.
        measure: measures an image whose file has changed since.
        issues: issues that are no outcome of measuring one image.
        issue_lists: numbers of the lists of these.
        examples_uri: receives `Split-NAME/data_tfrecord-*.gz` for each split, an empty split included.
        report_uri: receives `label_issues.csv`.
    """
    numbers = planned.write_all(images)
    shares = [numbers[start : start + _LISTS_A_FILE] for start in range(0, len(numbers), _LISTS_A_FILE)]
    uris = dict.fromkeys(SPLITS, examples_uri)
    made = (
        pipeline
        | "Lists" >> beam.Create(shares)
        | "MakeRecords"
        >> beam.ParDo(_MakeRecords(planned, known, measure, uris, len(images))).with_outputs(
            _ISSUES, main="files"
        )
    )
    _ = made.files | FinishSplits(uris)
    _ = (
        (made[_ISSUES], pipeline | "IssueLists" >> beam.Create(issue_lists) | beam.FlatMap(issues.read))
        | beam.Flatten()
        | beam.combiners.ToList()
        | "WriteIssues" >> beam.Map(write_issues, posixpath.join(report_uri, LABEL_ISSUES_FILE))
    )


class _MakeRecords(Pooled[list[int], Future[Made]]):
    """Numbers of lists -> pairs (split, path) of what `make_records` wrote, and label issues."""

    def __init__(
        self,
        planned: StoredLists[PlannedImage],
        known: StoredLists[Measured],
        measure: Measure,
        uris: dict[str, str],
        total: int,
    ) -> None:
        super().__init__("wrote records", total * _SECONDS_AN_IMAGE)
        self._planned, self._known, self._measure, self._uris = planned, known, measure, uris

    def begin(self, numbers: list[int]) -> Future[Made]:
        with self.failing_clearly():
            return self.pool.submit(
                make_records, numbers, self._planned, self._known, self._measure, self._uris
            )

    def finish(self, begun: Future[Made]) -> Iterator[Any]:
        with self.failing_clearly():
            made = begun.result()
        for split, count in made.counts.items():
            Metrics.counter(STAGE, split).inc(count)
        Metrics.counter(STAGE, _UNDECODABLE).inc(made.undecodable)
        advance(STAGE, made.counts.total())
        yield from made.files
        for issue in made.issues:
            yield beam.pvalue.TaggedOutput(_ISSUES, issue)


def write_issues(issues: list[Issue], path: str) -> None:
    """Writes the label report: file,line,image_id,reason,action in the order of the lines."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "line", "image_id", "reason", "action"))
    writer.writerows(sorted(issues, key=_position))
    with open_to_write(path) as file:
        file.write(text.getvalue().encode(errors="surrogateescape"))


def count_issues(path: str) -> Counter[str]:
    """How often each kind of issue with its action occurs in a label report."""
    text = read_bytes(path).decode(errors="surrogateescape")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return Counter(f"{row['reason'].partition(':')[0]} ({row['action']})" for row in rows)


def counted(result: PipelineResult) -> tuple[dict[str, int], int]:
    """Examples per split, and how many of them could not be decoded, as the workers counted them."""
    counters = result.metrics().query(MetricsFilter().with_namespace(STAGE))[MetricResults.COUNTERS]
    # Not `committed`, which Flink's job server leaves empty.
    counts = {counter.key.metric.name: counter.result for counter in counters}
    return {split: counts.get(split, 0) for split in SPLITS}, counts.get(_UNDECODABLE, 0)


def _position(issue: Iterable[str]) -> tuple[str, int, str, str]:
    file, lines, image_id, reason, _ = issue
    return file, int(lines.partition(" ")[0] or 0), image_id, reason
