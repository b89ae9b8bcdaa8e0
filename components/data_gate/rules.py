"""The rules by which a data set is accepted, stopped or warned of."""

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.drift import drift, image_count, skew
from components.data_gate.judgement import Distance, Judgement, Rule
from components.data_gate.settings import AcceptanceSettings, Breach
from components.data_gate.split_files import read_anomalies, read_statistics
from components.examples import SPLITS
from components.files import read_bytes
from components.image_screener.flagged import QUARANTINE_CSV, read_flagged
from components.image_screener.outcome import KEPT
from components.image_screener.screening import has_rule

# Without these nothing can be trained, or no threshold be tuned.
_NEEDED_SPLITS = ("train_ships", "eval_ships")


@dataclass(frozen=True)
class Evidence:
    """Folders of the artifacts that a data set is judged by.

    Attributes:
        statistics: StatisticsGen's, of the Examples before screening.
        anomalies: ExampleValidator's.
        quarantine: ImageScreener's.
        accepted: statistics of the data of the last pushed model, "" before the first push.
    """

    statistics: str
    anomalies: str
    quarantine: str
    accepted: str = ""


def judge(evidence: Evidence, schema: schema_pb2.Schema, settings: AcceptanceSettings) -> Judgement:
    """Applies every rule that the settings do not ignore."""
    statistics = read_statistics(evidence.statistics)
    images = {split: image_count(found) for split, found in statistics.items()}
    lost, stopping, reasons = _screened(evidence.quarantine)
    rules = [_enough(images, lost)]
    if stopping:
        rules.append(_stopping(stopping))
    rules += _rule(
        "quarantined images", settings.on_quarantined, _quarantined(images, lost, reasons, settings)
    )
    rules += _rule("schema", settings.on_schema, _schema(evidence.anomalies, schema))
    skews, skew_gaps = skew(statistics, schema, settings.min_images)
    rules += _rule("skew", settings.on_skew, _distances(skews, skew_gaps))
    drifts: list[Distance] = []
    if evidence.accepted:
        accepted = read_statistics(evidence.accepted)
        drifts, drift_gaps = drift(statistics, accepted, schema, settings.min_images)
        rules += _rule("drift", settings.on_drift, _distances(drifts, drift_gaps))
    return Judgement(tuple(rules), tuple(drifts + skews))


class _Found(NamedTuple):
    """What a rule found; the fields are those of `Rule`."""

    measured: str
    bound: str
    passed: bool
    details: tuple[str, ...] = ()


def _rule(name: str, on_breach: Breach, found: _Found) -> list[Rule]:
    return [] if on_breach == "ignore" else [Rule(name, on_breach, *found)]


def _screened(uri: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Quarantined images by split, by the features that are to stop the run, and by all features."""
    lost: Counter[str] = Counter()
    stopping: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in read_flagged(read_bytes(posixpath.join(uri, QUARANTINE_CSV))):
        if row.outcome not in KEPT:
            lost[row.split] += 1
            reasons.update(row.causes)
            stopping.update(row.stopping)
    return lost, stopping, reasons


def _enough(images: dict[str, int], lost: Counter[str]) -> Rule:
    left = {split: images.get(split, 0) - lost[split] for split in SPLITS}
    return Rule(
        "images left",
        "stop",
        ", ".join(f"{count} {split}" for split, count in left.items()),
        f"at least 1 of {' and '.join(_NEEDED_SPLITS)}",
        all(left[split] > 0 for split in _NEEDED_SPLITS),
    )


def _stopping(features: Counter[str]) -> Rule:
    told = ", ".join(f"{count} {feature}" for feature, count in features.most_common())
    return Rule("images that stop the run", "stop", told, "none, by screening.actions", passed=False)


def _quarantined(
    images: dict[str, int], lost: Counter[str], reasons: Counter[str], settings: AcceptanceSettings
) -> _Found:
    total, away = sum(images.values()), sum(lost.values())
    share = away / total if total else 0.0
    bound = f"at most {settings.max_quarantined:.0%}"
    details = tuple(f"{count} for {feature}" for feature, count in reasons.most_common())
    return _Found(f"{share:.1%} ({away} of {total})", bound, share <= settings.max_quarantined, details)


def _schema(uri: str, schema: schema_pb2.Schema) -> _Found:
    """Anomalies of whole splits; those of features that are judged image by image are the quarantine's."""
    judged = {feature.name for feature in schema.feature if has_rule(feature)}
    found = []
    for split, anomalies in read_anomalies(uri).items():
        found += [
            f"{name} in {split}: {info.short_description}"
            for name, info in sorted(anomalies.anomaly_info.items())
            if name not in judged
        ]
    return _Found(f"{len(found)} anomalies", "none", not found, tuple(found))


def _distances(distances: list[Distance], too_few: list[str]) -> _Found:
    beyond = sorted(
        (distance for distance in distances if distance.value > distance.threshold),
        key=lambda distance: distance.threshold - distance.value,
    )
    measured = f"{len(beyond)} of {len(distances)} distances too large"
    details = [
        f"{distance.feature} {distance.value:.3f} > {distance.threshold:g} ({distance.between})"
        for distance in beyond
    ]
    if too_few:
        details.append(f"too few images to compare: {', '.join(too_few)}")
    return _Found(measured, "none beyond the schema's thresholds", not beyond, tuple(details))
