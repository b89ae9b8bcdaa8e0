from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.data_gate.judgement import Judgement, from_json, to_json
from components.data_gate.rules import Evidence, judge
from components.data_gate.settings import AcceptanceSettings
from components.image_screener.flagged import QUARANTINE_CSV, Flagged, table_of_flagged

IMAGES = {"train_ships": 120, "train_empty": 120, "eval_ships": 110, "eval_empty": 30}


@pytest.fixture(scope="module")
def schema():
    made = schema_pb2.Schema()
    luma = made.feature.add(name="luma_mean", type=schema_pb2.FLOAT)
    luma.float_domain.max = 200
    luma.drift_comparator.jensen_shannon_divergence.threshold = 0.2
    luma.skew_comparator.jensen_shannon_divergence.threshold = 0.2
    made.feature.add(name="image_id", type=schema_pb2.BYTES)
    return made


def write_statistics(folder: Path, luma: dict[str, float]) -> str:
    for split, images in IMAGES.items():
        values = np.random.default_rng(images).normal(luma.get(split, 60), 10, images)
        statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"luma_mean": values}))
        file = folder / f"Split-{split}" / "FeatureStats.pb"
        file.parent.mkdir(parents=True)
        file.write_bytes(statistics.SerializeToString())
    return str(folder)


class Case:
    """The artifacts of a data set; whole and ordinary unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Flagged] = []
        self.anomalies: dict[str, str] = {}
        self.luma: dict[str, float] = {}
        self.accepted: dict[str, float] | None = None

    def quarantine(self, count: int, split: str, outcome: str = "quarantined") -> None:
        reason = "luma_mean 250 not in [0, 200]"
        stopping = ("luma_mean",) if outcome == "stop" else ()
        self.rows += [
            Flagged(f"{n}.jpg", split, outcome, reason, "", ("luma_mean",), stopping) for n in range(count)
        ]

    def judged(self, schema: schema_pb2.Schema, **settings: object) -> Judgement:
        (self.folder / "quarantine").mkdir()
        (self.folder / "quarantine" / QUARANTINE_CSV).write_bytes(table_of_flagged(self.rows))
        anomalies = anomalies_pb2.Anomalies()
        for name, description in self.anomalies.items():
            anomalies.anomaly_info[name].short_description = description
        split = self.folder / "anomalies" / "Split-train_ships"
        split.mkdir(parents=True)
        (split / "SchemaDiff.pb").write_bytes(anomalies.SerializeToString())
        return judge(
            Evidence(
                write_statistics(self.folder / "statistics", self.luma),
                str(self.folder / "anomalies"),
                str(self.folder / "quarantine"),
                "" if self.accepted is None else write_statistics(self.folder / "accepted", self.accepted),
            ),
            schema,
            AcceptanceSettings.model_validate(settings),
        )


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def breached(judgement: Judgement) -> dict[str, str]:
    return {rule.name: rule.action for rule in judgement.rules if not rule.passed}


def test_ordinary_data_is_accepted_and_every_rule_is_told(case, schema):
    case.accepted = {}
    judgement = case.judged(schema)
    assert breached(judgement) == {}
    assert [rule.name for rule in judgement.rules] == [
        "images left", "quarantined images", "schema", "skew", "drift",
    ]  # fmt: skip
    assert from_json(to_json(judgement)) == judgement


def test_before_the_first_push_there_is_nothing_to_drift_from(case, schema):
    assert "drift" not in {rule.name for rule in case.judged(schema).rules}


@pytest.mark.parametrize(("bound", "stopped"), [(0.05, True), (0.06, False)])
def test_share_of_quarantined_images(case, schema, bound, stopped):
    case.quarantine(20, "train_empty")
    case.quarantine(90, "train_ships", "warned")
    judgement = case.judged(schema, max_quarantined=bound)
    assert judgement.stopped is stopped
    (rule,) = (rule for rule in judgement.rules if rule.name == "quarantined images")
    assert (rule.measured, rule.bound) == ("5.3% (20 of 380)", f"at most {bound:.0%}")


def test_a_split_that_is_needed_and_empty_stops(case, schema):
    case.quarantine(110, "eval_ships")
    assert breached(case.judged(schema)) == {"images left": "stop"}


def test_an_anomaly_that_is_to_stop_the_run_does(case, schema):
    case.quarantine(1, "train_empty", "stop")
    assert breached(case.judged(schema)) == {"images that stop the run": "stop"}


def test_rules_name_the_features_whatever_the_reasons_say(case, schema):
    faults = "label_ok 0 not in [1, 1]: odd number of values: 3 (line 5); start below 1: 0 (line 6)"
    case.rows = [
        Flagged("a.jpg", "train_ships", "quarantined", faults, "", ("label_ok",)),
        Flagged("b.jpg", "train_ships", "dropped", "dropped by Ada: blurred; no ship", ""),
        Flagged("c.jpg", "train_empty", "quarantined", "luma_mean: not there", "", ("luma_mean",)),
        Flagged(
            "d.jpg",
            "train_empty",
            "stop",
            "height 9; luma_mean 1",
            "",
            ("height", "luma_mean"),
            ("luma_mean",),
        ),
    ]
    rules = {rule.name: rule for rule in case.judged(schema).rules}
    assert rules["images that stop the run"].measured == "1 luma_mean"
    assert rules["quarantined images"].details == (
        "2 for luma_mean", "1 for height", "1 for label_ok", "1 for dropped",
    )  # fmt: skip


def test_anomalies_of_single_images_are_left_to_the_quarantine(case, schema):
    case.anomalies = {"luma_mean": "Out-of-range values", "image_id": "Column dropped"}
    judgement = case.judged(schema, on_schema="stop")
    assert breached(judgement) == {"schema": "stop"}
    (rule,) = judgement.breached("stop")
    assert rule.details == ("image_id in train_ships: Column dropped",)


def test_drift_and_skew_name_feature_and_distance(case, schema):
    case.luma = {"train_ships": 100}
    case.accepted = {}
    judgement = case.judged(schema, on_drift="stop")
    assert breached(judgement) == {"drift": "stop", "skew": "warn"}
    (drifted,) = judgement.breached("stop")
    assert drifted.details[0].startswith("luma_mean 0.")
    assert drifted.details[0].endswith("> 0.2 (train_ships, now and accepted)")
    assert "eval_empty (30 and 30 images)" in drifted.details[-1]


def test_ignored_rules_are_not_there_but_their_distances_are(case, schema):
    case.luma = {"train_ships": 100}
    judgement = case.judged(schema, on_skew="ignore")
    assert breached(judgement) == {}
    assert any(
        distance.kind == "skew" and distance.value > distance.threshold for distance in judgement.distances
    )
