"""What the statistics and the schema know of each measure before any image is looked at."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data_report.histograms import Axis, fitting_axis
from components.examples import FILE_BYTES, ROLES
from components.ship_example_gen.quality import SCALARS

# Distance of the 10th from the 90th percentile of a normal distribution, in standard deviations.
_DECILES_SD = 2.563


@dataclass(frozen=True)
class Measure:
    """A number that is known of each image, over all splits.

    Attributes:
        name: the feature.
        comment: what the schema's annotation says of it, "" if nothing.
        allowed: smallest and largest value that the schema allows; infinite where it sets no limit.
        low: smallest value.
        high: largest.
        median: by the quantiles of the statistics, as are `medians` and `spread`.
        spread: distance of the 10th from the 90th percentile in standard deviations of a normal distribution,
            which single outliers do not move; the standard deviation where that distance is 0.
        missing: images without it.
        medians: by role; absent for a role without images.
        axis: for its histogram.
    """

    name: str
    comment: str
    allowed: tuple[float, float]
    low: float
    high: float
    median: float
    spread: float
    missing: int
    medians: Mapping[str, float]
    axis: Axis

    def departure(self, value: float) -> float:
        """Spreads between a value and the median, negative below it; 0 if all values are the same."""
        return (value - self.median) / self.spread if self.spread else 0.0


def known_measures(
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics], schema: schema_pb2.Schema
) -> list[Measure]:
    """The measures of the file and of the picture: the quality scalars, and every float of the schema.

    A measure that no image has is left out.
    """
    rules = {feature.name: feature for feature in schema.feature}
    floats = [feature.name for feature in schema.feature if feature.type == schema_pb2.FLOAT]
    names = dict.fromkeys([*SCALARS, *floats, FILE_BYTES])
    found = (_measure(name, rules.get(name, schema_pb2.Feature()), statistics) for name in names)
    return [measure for measure in found if measure is not None]


def allowed_range(feature: schema_pb2.Feature) -> tuple[float, float]:
    """Smallest and largest value that a feature may have; infinite where the schema sets no limit."""
    kind = feature.WhichOneof("domain_info")
    if kind not in ("int_domain", "float_domain"):
        return -math.inf, math.inf
    domain = getattr(feature, kind)
    return (
        float(domain.min) if domain.HasField("min") else -math.inf,
        float(domain.max) if domain.HasField("max") else math.inf,
    )


def _measure(
    name: str,
    rule: schema_pb2.Feature,
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics],
) -> Measure | None:
    images = sum(int(split.num_examples) for split in statistics.values())
    by_split = {
        split: feature.num_stats
        for split, dataset in statistics.items()
        for feature in dataset.features
        if feature.path.step[:] == [name] and feature.num_stats.common_stats.num_non_missing
    }
    numbers = list(by_split.values())
    finite = [number for stats in numbers for number in (stats.min, stats.max) if math.isfinite(number)]
    if not finite:
        return None
    allowed = allowed_range(rule)
    low, high = min(finite), max(finite)
    tenth, median, ninetieth = _quantiles(numbers, (0.1, 0.5, 0.9))
    spread = (ninetieth - tenth) / _DECILES_SD or max(stats.std_dev for stats in numbers)
    ends = [low, high, *(limit for limit in allowed if math.isfinite(limit))]
    return Measure(
        name=name,
        comment=rule.annotation.comment[0] if rule.annotation.comment else "",
        allowed=allowed,
        low=low,
        high=high,
        median=median,
        spread=spread,
        missing=images - sum(int(stats.common_stats.num_non_missing) for stats in numbers),
        medians={
            role: _quantiles(of_role, (0.5,))[0]
            for role in ROLES
            if (of_role := [stats for split, stats in by_split.items() if split.startswith(role)])
        },
        axis=fitting_axis(min(ends), max(ends), median, allowed[0]),
    )


def _quantiles(numbers: Sequence[statistics_pb2.NumericStatistics], shares: Iterable[float]) -> list[float]:
    """Quantiles of several splits together, from the quantile histogram of each.

    Within a bucket values are taken for evenly spread, as TFDV does.
    """
    lows, highs, counts = np.array(
        [
            (bucket.low_value, bucket.high_value, bucket.sample_count)
            for stats in numbers
            for histogram in stats.histograms
            if histogram.type == statistics_pb2.Histogram.QUANTILES
            for bucket in histogram.buckets
            if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
        ]
    ).T
    edges = np.unique(np.concatenate([lows, highs]))
    at = edges[:, None]
    # [edges, buckets]: which share of each bucket lies at or below each edge. A bucket may be a single value.
    below = np.where(at >= highs, 1.0, ((at - lows) / np.where(highs > lows, highs - lows, 1.0)).clip(0, 1))
    cumulative = (below * counts).sum(axis=1) / counts.sum()
    return [float(value) for value in np.interp(list(shares), cumulative, edges)]
