"""From the listing to Examples by Beam: every image that is listed becomes exactly one record.

Images flow from the file to the record file, at most a few for each core in memory at once.
"""

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from absl import logging
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricResults, MetricsFilter
from apache_beam.runners.runner import PipelineResult

from components.examples import SPLITS, split_name
from components.parallel import cores, in_order
from components.progress import advance
from components.ship_example_gen.decoding import decode
from components.ship_example_gen.example import ListedImage, make_example
from components.ship_example_gen.inputs import Inputs
from components.ship_example_gen.labels import Issue, judge_rows
from components.ship_example_gen.listing import read_bytes
from components.ship_example_gen.overlaps import SceneGroups
from components.ship_example_gen.quality import measure
from components.ship_example_gen.scenes import Origin, origins
from components.ship_example_gen.settings import IngestionSettings, ShipLimits
from components.ship_example_gen.splits import fold_roles, scene_role, stable_fraction
from components.tfrecords import WriteSplit

LABEL_ISSUES_FILE = "label_issues.csv"
STAGE = "ShipExampleGen"
_UNDECODABLE = "undecodable"
_ISSUES = "issues"
# The size of an Airbus tile: what the runs of an image that cannot be decoded are checked against.
_NOMINAL_PX = 768
# Beam needs 0.1 ms to hand over an element of any size; a list of these is what one worker gets at a time.
_LISTED_TOGETHER = 256
# Images begun beyond the one that is being written: enough for a large file not to make the cores wait.
_AHEAD_PER_CORE = 4


def plan(inputs: Inputs, settings: IngestionSettings, groups: SceneGroups | None = None) -> list[ListedImage]:
    """Joins listing and tables and gives each image its role; `groups` say which show the same ground.

    The order is a stable one unlike that of the names, so that each part of a record file is a fair sample.
    """
    planned = []
    found = origins([image.image_id for image in inputs.images], inputs.scenes, groups)
    dealt = zip(inputs.images, found, _roles(inputs, found, settings), strict=True)
    for image, origin, role in sorted(dealt, key=lambda one: stable_fraction(one[0].image_id, "order")):
        planned.append(
            ListedImage(
                image_id=image.image_id,
                path=image.path,
                role=role,
                scene_id=origin.scene_id,
                rows=inputs.labels.rows.get(image.image_id, ()),
                extras=inputs.scenes.extras_of(image.image_id),
                duplicate_of=origin.duplicate_of,
            )
        )
    return planned


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
    images: list[ListedImage],
    *,
    labels: str,
    limits: ShipLimits,
    issues: list[Issue],
    examples_uri: str,
    report_uri: str,
) -> None:
    """Adds the whole stage to a Beam pipeline.

    Args:
        pipeline: where to.
        images: the plan.
        labels: path of the label table, for the report.
        limits: sizes that a labelled ship may have.
        issues: issues that concern no listed image.
        examples_uri: receives `Split-NAME/data_tfrecord-*.gz` for each split, an empty split included.
        report_uri: receives `label_issues.csv`.
    """
    lists = [images[start : start + _LISTED_TOGETHER] for start in range(0, len(images), _LISTED_TOGETHER)]
    made = (
        pipeline
        | "Images" >> beam.Create(lists)
        | "MakeExamples" >> beam.ParDo(MakeExample(labels, limits)).with_outputs(_ISSUES, *SPLITS)
    )
    for split in SPLITS:
        _ = made[split] | f"Write[{split}]" >> WriteSplit(examples_uri, split)
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


class MakeExample(beam.DoFn):
    """Listed images -> serialized Examples under the names of their splits, and the label issues."""

    def __init__(self, labels: str, limits: ShipLimits) -> None:
        self._labels, self._limits = labels, limits

    def setup(self) -> None:
        """Starts a thread for each core."""
        self._pool = ThreadPoolExecutor(cores())

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def process(self, images: Sequence[ListedImage]) -> Iterator[Any]:
        """Makes the Examples on all cores and hands them on in the order of the list."""
        for made in in_order(self._pool, self._make, images, ahead=_AHEAD_PER_CORE * cores()):
            # Here rather than in the threads: Beam's counters belong to the thread that calls `process`.
            Metrics.counter(STAGE, made.split).inc()
            if not made.decodable:
                Metrics.counter(STAGE, _UNDECODABLE).inc()
            advance(STAGE)
            yield beam.pvalue.TaggedOutput(made.split, made.record)
            for issue in made.issues:
                yield beam.pvalue.TaggedOutput(_ISSUES, issue)

    def _make(self, image: ListedImage) -> _Made:
        """Reads, measures and labels one image; a file that cannot be read gives an Example without bytes."""
        try:
            image_bytes = read_bytes(image.path)
        except OSError as error:
            logging.warning("%s cannot be read: %s", image.path, error)
            image_bytes = b""
        decoded = decode(image_bytes)
        scalars = measure(decoded)
        size = (decoded.height or _NOMINAL_PX, decoded.width or _NOMINAL_PX)
        label = judge_rows(
            self._labels, image.image_id, image.rows, size=size, limits=self._limits, rgb=decoded.rgb
        )
        example = make_example(image, image_bytes, decoded, scalars, label)
        return _Made(
            split_name(image.role, len(label.ships)),
            example.SerializeToString(deterministic=True),
            decoded.rgb is not None,
            label.issues,
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
