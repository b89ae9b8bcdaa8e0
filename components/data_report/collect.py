"""Surveys a data set: everything that its page shows, in one pass over the images.

Only counts and the bytes of the few images that will be shown are kept, so memory does not grow with the data
set. The ranges of the histograms, and what is usual, are known from the statistics beforehand.
"""

import math
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.split_files import read_anomalies, read_statistics
from components.data_report.histograms import Axis, Histogram
from components.data_report.measures import Measure, known_measures
from components.data_report.quarantine import QuarantineGroup, UsedGroup, gallery, read_quarantine
from components.data_report.settings import DataReportSettings
from components.data_report.texts import read_table, shortened, text
from components.data_report.thumbnails import Extremes, Sighting, thumbnail
from components.examples import (
    ENCODED_PIXELS,
    HEIGHT,
    IMAGE,
    IMAGE_ID,
    SHIP_COUNT,
    SHIP_GROUP,
    SPLITS,
    WIDTH,
)
from components.masks.rle import parse_runs
from components.progress import Meter
from components.ship_example_gen.ingestion import LABEL_ISSUES_FILE
from components.tfrecords import read_records

STAGE = "DataReport"
# By this measure the brightest and darkest images are chosen.
BRIGHTNESS = "luma_mean"
# Images with so many ships or more share the last bar.
MOST_SHIPS = 20

# Airbus ships have 1 to 25,245 px; the largest mask there can be is the tile of 768 x 768 px.
_AREA_AXIS = Axis(1.0, 768.0 * 768.0, log=True, bins=96)
_EXAMPLES_OF_AN_ISSUE = 5
# Of each measure, so that one with a long tail does not fill the page.
_UNUSUAL_PER_MEASURE = 3


@dataclass(frozen=True)
class Sources:
    """Folders of the artifacts that are surveyed."""

    raw_examples: str
    statistics: str
    anomalies: str
    quarantine: str
    label_report: str


@dataclass(frozen=True)
class SplitCount:
    """Images of a split: how many, and how many of them are quarantined."""

    split: str
    images: int
    quarantined: int

    @property
    def accepted(self) -> int:
        """Images that went on."""
        return self.images - self.quarantined


@dataclass(frozen=True)
class Portrait:
    """An image that is shown.

    Attributes:
        image_id: file name.
        split: its split.
        feature: the measure for which it is shown.
        value: what was measured.
        departure: how many spreads the value lies from the median, see `Measure.departure`.
        thumbnail: data URI, "" if it cannot be decoded.
    """

    image_id: str
    split: str
    feature: str
    value: float
    departure: float
    thumbnail: str


@dataclass(frozen=True)
class Anomaly:
    """What ExampleValidator says of a feature.

    Attributes:
        feature: its name; "" for the data set as a whole.
        short: e.g. "Unexpected string values".
        descriptions: the long form, cut off where it is very long, by the splits in which it reads so.
    """

    feature: str
    short: str
    descriptions: Mapping[tuple[str, ...], str]

    @property
    def splits(self) -> tuple[str, ...]:
        """Where it was found."""
        found = {split for splits in self.descriptions for split in splits}
        return tuple(split for split in SPLITS if split in found)


@dataclass(frozen=True)
class LabelIssue:
    """A line of the label report."""

    file: str
    lines: str
    image_id: str
    reason: str


@dataclass(frozen=True)
class LabelIssueKind:
    """Label issues of the same kind and action, with the first few of them."""

    kind: str
    action: str
    total: int
    examples: tuple[LabelIssue, ...]


@dataclass(frozen=True)
class Survey:
    """All that the page shows.

    Attributes:
        splits: every split of `components.examples.SPLITS`, empty ones included.
        groups: images by (role, ship group).
        measures: with the histogram of each.
        ship_counts: of images with ships; `MOST_SHIPS` and more share a bin.
        ship_areas: of ships, px.
        brightest: accepted images with the largest mean luma.
        darkest: with the smallest.
        unusual: accepted images furthest from the median in some measure, in spreads.
        anomalies: of the data set, by feature.
        label_issues: by kind and action.
        quarantine: by reason.
        used: images that were flagged and yet accepted, by outcome.
        quarantine_table: path of quarantine.csv.
    """

    splits: tuple[SplitCount, ...]
    groups: Mapping[tuple[str, str], int]
    measures: tuple[tuple[Measure, Histogram], ...]
    ship_counts: Histogram
    ship_areas: Histogram
    brightest: tuple[Portrait, ...]
    darkest: tuple[Portrait, ...]
    unusual: tuple[Portrait, ...]
    anomalies: tuple[Anomaly, ...]
    label_issues: tuple[LabelIssueKind, ...]
    quarantine: tuple[QuarantineGroup, ...]
    used: tuple[UsedGroup, ...]
    quarantine_table: str

    @property
    def total(self) -> SplitCount:
        """All splits together."""
        return SplitCount(
            "all", sum(row.images for row in self.splits), sum(row.quarantined for row in self.splits)
        )


def survey(sources: Sources, schema: schema_pb2.Schema, settings: DataReportSettings) -> Survey:
    """Reads every artifact once.

    Args:
        sources: artifacts of one run.
        schema: by which they were made.
        settings: how many images are shown.

    Raises:
        OSError: an artifact lacks a file. A split without statistics or anomalies is shown without.
    """
    statistics = {split: found.datasets[0] for split, found in read_statistics(sources.statistics).items()}
    quarantine = read_quarantine(sources.quarantine)
    measures = known_measures(statistics, schema)
    tally = _Tally(measures, settings.thumbnails)
    images = Counter[str]()
    with Meter(STAGE, sum(int(split.num_examples) for split in statistics.values()), "images") as meter:
        for split in SPLITS:
            for record in read_records(sources.raw_examples, split):
                feature = tf.train.Example.FromString(record).features.feature
                image_id = text(feature[IMAGE_ID])
                tally.count(split, feature)
                if image_id not in quarantine.splits:
                    tally.consider(split, image_id, feature)
                images[split] += 1
                meter.advance()
    set_aside = quarantine.per_split()
    by_name = {measure.name: measure for measure in measures}
    return Survey(
        splits=tuple(SplitCount(split, images[split], set_aside[split]) for split in SPLITS),
        groups=tally.groups,
        measures=tuple(zip(measures, tally.histograms, strict=True)),
        ship_counts=tally.ship_counts,
        ship_areas=tally.ship_areas,
        brightest=_portraits(tally.brightest.best(), by_name),
        darkest=_portraits(tally.darkest.best(), by_name),
        unusual=_portraits(tally.most_unusual(), by_name),
        anomalies=anomalies_by_feature(sources.anomalies),
        label_issues=read_label_issues(sources.label_report),
        quarantine=gallery(quarantine, sources.quarantine, settings.quarantined),
        used=quarantine.used_groups(),
        quarantine_table=quarantine.path,
    )


_Features = Mapping[str, tf.train.Feature]


class _Tally:
    """Counts images, and keeps those at the ends of the measures."""

    def __init__(self, measures: list[Measure], thumbnails: int) -> None:
        self._measures = measures
        self._thumbnails = thumbnails
        self.groups: Counter[tuple[str, str]] = Counter()
        self.histograms = [Histogram(measure.axis) for measure in measures]
        self.ship_counts = Histogram(Axis(0.5, MOST_SHIPS + 0.5, bins=MOST_SHIPS))
        self.ship_areas = Histogram(_AREA_AXIS)
        self.brightest, self.darkest = Extremes(thumbnails), Extremes(thumbnails)
        self._unusual = [Extremes(min(thumbnails, _UNUSUAL_PER_MEASURE)) for _ in measures]

    def count(self, split: str, feature: _Features) -> None:
        """An image in the counts and histograms, accepted or not."""
        role = split.partition("_")[0]
        self.groups[role, text(feature[SHIP_GROUP])] += 1
        for measure, histogram in zip(self._measures, self.histograms, strict=True):
            for value in _values(feature, measure.name):
                histogram.add(role, value)
        for ships in _values(feature, SHIP_COUNT):
            if ships:
                self.ship_counts.add(role, ships)
        height, width = (int(*_values(feature, name)) for name in (HEIGHT, WIDTH))
        # Labels of an image that cannot be decoded were checked against a size that is not its own.
        if height and width and ENCODED_PIXELS in feature:
            for encoded in feature[ENCODED_PIXELS].bytes_list.value:
                self.ship_areas.add(role, parse_runs(encoded.decode(), height, width).area_px)

    def consider(self, split: str, image_id: str, feature: _Features) -> None:
        """An accepted image for the thumbnails."""
        image = b"".join(feature[IMAGE].bytes_list.value)
        for measure, unusual in zip(self._measures, self._unusual, strict=True):
            for value in _values(feature, measure.name):
                rank = abs(measure.departure(value))
                if rank and unusual.wants(rank):
                    unusual.offer(Sighting(image_id, split, image, measure.name, value, rank))
                if measure.name == BRIGHTNESS:
                    self.brightest.offer(Sighting(image_id, split, image, BRIGHTNESS, value, value))
                    self.darkest.offer(Sighting(image_id, split, image, BRIGHTNESS, value, -value))

    def most_unusual(self) -> list[Sighting]:
        """The images furthest from the median in any measure, each once, the furthest first."""
        chosen: dict[str, Sighting] = {}
        every = (sighting for unusual in self._unusual for sighting in unusual.best())
        for sighting in sorted(every, key=lambda one: -one.rank):
            chosen.setdefault(sighting.image_id, sighting)
        return list(chosen.values())[: self._thumbnails]


def anomalies_by_feature(uri: str) -> tuple[Anomaly, ...]:
    """ExampleValidator's findings in the order of the features, each once however many splits have it."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}

    def note(feature: str, short: str, description: str, split: str) -> None:
        found.setdefault((feature, short), {}).setdefault(shortened(description.strip()), []).append(split)

    for split, anomalies in read_anomalies(uri).items():
        for info in anomalies.anomaly_info.values():
            note(".".join(info.path.step), info.short_description, info.description, split)
        if anomalies.HasField("dataset_anomaly_info"):
            info = anomalies.dataset_anomaly_info
            note("", info.short_description, info.description, split)
        if anomalies.data_missing:
            note("", "No data", "The split holds no image.", split)
    return tuple(
        Anomaly(feature, short, {tuple(splits): text for text, splits in descriptions.items()})
        for (feature, short), descriptions in sorted(found.items())
    )


def read_label_issues(uri: str) -> tuple[LabelIssueKind, ...]:
    """The label report, the commonest kind first."""
    totals = Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], list[LabelIssue]] = {}
    for row in read_table(posixpath.join(uri, LABEL_ISSUES_FILE)):
        kind = (row["reason"].partition(":")[0], row["action"])
        totals[kind] += 1
        first = examples.setdefault(kind, [])
        if len(first) < _EXAMPLES_OF_AN_ISSUE:
            file = posixpath.basename(row["file"])
            first.append(LabelIssue(file, row["line"], row["image_id"], shortened(row["reason"])))
    return tuple(LabelIssueKind(*kind, total, tuple(examples[kind])) for kind, total in totals.most_common())


def _portraits(sightings: list[Sighting], measures: Mapping[str, Measure]) -> tuple[Portrait, ...]:
    return tuple(
        Portrait(
            image_id=one.image_id,
            split=one.split,
            feature=one.feature,
            value=one.value,
            departure=measures[one.feature].departure(one.value),
            thumbnail=thumbnail(one.image),
        )
        for one in sightings
    )


def _values(feature: _Features, name: str) -> Iterator[float]:
    """The finite values of a number feature; none if the image has no such feature."""
    if name in feature:
        kind = feature[name].WhichOneof("kind")
        if kind != "bytes_list":
            yield from (
                value for value in getattr(feature[name], kind or "int64_list").value if math.isfinite(value)
            )
