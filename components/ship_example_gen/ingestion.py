"""From the listing to Examples by Beam: every image that is listed becomes exactly one record.

Images flow from the file to the record file, at most a few for each core in memory at once. Where
`measuring_pass` has been over them, their pixels are not looked at again.
"""

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from absl import logging
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricResults, MetricsFilter
from apache_beam.runners.runner import PipelineResult

from components.examples import SPLITS, split_name
from components.parallel import cores, in_order, thread_pool
from components.progress import advance
from components.ship_example_gen.example import PlannedImage, make_example
from components.ship_example_gen.inputs import Inputs
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.listing import is_remote, read_bytes
from components.ship_example_gen.measuring import LabelledImage, Measure, Measured, sha1
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.scenes import Origin, origins
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.splits import fold_roles, scene_role, stable_fraction
from components.ship_example_gen.stored_lists import StoredLists
from components.tfrecords import WriteSplits

LABEL_ISSUES_FILE = "label_issues.csv"
STAGE = "ShipExampleGen"
_UNDECODABLE = "undecodable"
# Images that a thread gets at a time: few, since a PNG has megabytes, and more than one, since what there is
# to do for an image that has been measured takes hardly longer than to hand it over.
_HANDFUL = 4
_Handful = list[tuple[PlannedImage, Measured | None]]
_ISSUES = "issues"


def record_order(inputs: Inputs) -> list[tuple[int, LabelledImage]]:
    """The images with their places in the listing, in the order of the record files.

    The order is a stable one unlike that of the names, so that each part of a record file is a fair sample.
    """
    images = [
        (place, LabelledImage(image.image_id, image.path, inputs.labels.rows.get(image.image_id, ())))
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
        kinds.append(" ".join([str(has_ships), *inputs.scenes.extras_of(image.image_id).values()]))
    return fold_roles(scenes, kinds, settings.folds, settings.fold)


def ingest(
    pipeline: beam.Pipeline,
    images: list[PlannedImage],
    *,
    planned: StoredLists[PlannedImage],
    measure: Measure,
    known: StoredLists[Measured] | None,
    issues: list[Issue],
    examples_uri: str,
    report_uri: str,
) -> None:
    """Adds the whole stage to a Beam pipeline.

    Args:
        pipeline: where to.
        images: the plan.
        planned: receives the plan, for the workers.
        measure: how images are measured that have not been yet.
        known: the measurements of these images in this order; None if they have not been measured.
        issues: issues that concern no listed image.
        examples_uri: receives `Split-NAME/data_tfrecord-*.gz` for each split, an empty split included.
        report_uri: receives `label_issues.csv`.
    """
    made = (
        pipeline
        | "Lists" >> beam.Create(planned.write_all(images))
        | "MakeExamples"
        >> beam.ParDo(_MakeExamples(planned, measure, known)).with_outputs(_ISSUES, main="records")
    )
    _ = made.records | WriteSplits(dict.fromkeys(SPLITS, examples_uri))
    _ = (
        (made[_ISSUES], pipeline | "OtherIssues" >> beam.Create(issues))
        | beam.Flatten()
        | beam.combiners.ToList()
        | "WriteIssues" >> beam.Map(write_issues, posixpath.join(report_uri, LABEL_ISSUES_FILE))
    )


@dataclass(frozen=True)
class _Made:
    """What became of one listed image."""

    split: str
    record: bytes
    decodable: bool
    issues: tuple[Issue, ...]


class _MakeExamples(beam.DoFn):
    """Numbers of lists -> pairs (split, serialized Example), and label issues."""

    def __init__(
        self, planned: StoredLists[PlannedImage], measure: Measure, known: StoredLists[Measured] | None
    ) -> None:
        self._planned, self._measure, self._known = planned, measure, known

    def setup(self) -> None:
        """Starts a thread for each core."""
        self._pool = thread_pool()

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def process(self, number: int) -> Iterator[Any]:
        """Makes the Examples and hands them on in the order of the list."""
        images = self._planned.read(number)
        measured = self._known.read(number) if self._known else [None] * len(images)
        known = list(zip(images, measured, strict=True))
        handfuls = [known[start : start + _HANDFUL] for start in range(0, len(known), _HANDFUL)]
        for made in self._made(handfuls):
            # Here rather than in the threads: Beam's counters belong to the thread that calls `process`.
            for split, count in Counter(one.split for one in made).items():
                Metrics.counter(STAGE, split).inc(count)
            Metrics.counter(STAGE, _UNDECODABLE).inc(sum(not one.decodable for one in made))
            advance(STAGE, len(made))
            for one in made:
                yield one.split, one.record
                for issue in one.issues:
                    yield beam.pvalue.TaggedOutput(_ISSUES, issue)

    def _made(self, handfuls: list[_Handful]) -> Iterator[list[_Made]]:
        if self._known and not is_remote(handfuls[0][0][0].listed.path):
            # What is left to do is mostly Python's, and threads that wait for its lock take a third longer.
            return map(self._make_all, handfuls)
        return in_order(self._pool, self._make_all, handfuls, ahead=2 * cores())

    def _make_all(self, handful: _Handful) -> list[_Made]:
        return [self._make(image, measured) for image, measured in handful]

    def _make(self, image: PlannedImage, measured: Measured | None) -> _Made:
        """Reads one image, and measures it unless these bytes have been measured.

        A file that cannot be read gives an Example without bytes.
        """
        listed = image.listed
        try:
            image_bytes = read_bytes(listed.path)
        except OSError as error:
            logging.warning("%s cannot be read: %s", listed.path, error)
            image_bytes = b""
        if measured is None or (measured.image_id, measured.sha1) != (listed.image_id, sha1(image_bytes)):
            if measured is not None:
                logging.warning("%s has changed since it was measured, and is measured anew", listed.path)
            measured = self._measure(listed, image_bytes)
        example = make_example(image, image_bytes, measured)
        return _Made(
            split_name(image.role, len(measured.label.ships)),
            example.SerializeToString(deterministic=True),
            measured.is_decodable,
            measured.label.issues,
        )


def write_issues(issues: list[Issue], path: str) -> None:
    """Writes the label report: file,line,image_id,reason,action in the order of the lines."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "line", "image_id", "reason", "action"))
    writer.writerows(sorted(issues, key=_position))
    with FileSystems.create(path) as file:
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
