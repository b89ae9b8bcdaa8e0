"""How far the measures of one data set are from those of another, by TFDV's comparators.

The schema names the features that are compared and the largest distance allowed: `drift_comparator` for new
data against the data of the last pushed model, `skew_comparator` for eval and test against train. Distances
are TFDV's: Jensen-Shannon divergence (base 2, 0-1) of the histograms of a number, L-infinity (largest
difference of a share, 0-1) of the values of a text.
"""

from collections.abc import Iterator, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.data_gate.judgement import Distance
from components.examples import SPLITS

Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
"""Statistics by split."""

_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon divergence",
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "L-infinity",
}
_SKEWED = tuple(
    (f"train_{kind}", f"{role}_{kind}") for kind in ("ships", "empty") for role in ("eval", "test")
)


def image_count(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> int:
    """Images that the statistics of a split are about."""
    return sum(int(dataset.num_examples) for dataset in statistics.datasets)


def drift(
    now: Statistics, accepted: Statistics, schema: schema_pb2.Schema, min_images: int
) -> tuple[list[Distance], list[str]]:
    """Distances of each split from the same split of accepted data, and the splits with too few images."""
    pairs = [(split, now[split], accepted[split]) for split in SPLITS if split in now and split in accepted]
    distances, too_few = [], []
    for split, new, old in pairs:
        if min(image_count(new), image_count(old)) < min_images:
            too_few.append(f"{split} ({image_count(new)} and {image_count(old)} images)")
            continue
        found = tfdv.validate_statistics(new, schema, previous_statistics=old).drift_skew_info
        distances += [
            Distance(feature, "drift", f"{split}, now and accepted", *measured)
            for info in found
            for feature, measured in _measured(info, info.drift_measurements)
        ]
    return distances, too_few


def skew(now: Statistics, schema: schema_pb2.Schema, min_images: int) -> tuple[list[Distance], list[str]]:
    """Distances of eval and test splits from the train splits, and the pairs with too few images."""
    distances, too_few = [], []
    for train, other in _SKEWED:
        if train not in now or other not in now:
            continue
        counts = image_count(now[train]), image_count(now[other])
        if min(counts) < min_images:
            too_few.append(f"{other} against {train} ({counts[1]} and {counts[0]} images)")
            continue
        found = tfdv.validate_statistics(now[train], schema, serving_statistics=now[other]).drift_skew_info
        distances += [
            Distance(feature, "skew", f"{other} and {train}", *measured)
            for info in found
            for feature, measured in _measured(info, info.skew_measurements)
        ]
    return distances, too_few


def _measured(
    info: anomalies_pb2.DriftSkewInfo, measurements: list[anomalies_pb2.DriftSkewInfo.Measurement]
) -> Iterator[tuple[str, tuple[str, float, float]]]:
    for measurement in measurements:
        name = _MEASURES.get(measurement.type, "distance")
        yield ".".join(info.path.step), (name, float(measurement.value), float(measurement.threshold))
