import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.drift import drift, skew
from components.data_gate.split_files import read_statistics


@pytest.fixture(scope="module")
def schema():
    made = schema_pb2.Schema()
    luma = made.feature.add(name="luma_mean", type=schema_pb2.FLOAT)
    luma.drift_comparator.jensen_shannon_divergence.threshold = 0.2
    luma.skew_comparator.jensen_shannon_divergence.threshold = 0.3
    group = made.feature.add(name="ship_group", type=schema_pb2.BYTES)
    group.drift_comparator.infinity_norm.threshold = 0.25
    made.feature.add(name="entropy", type=schema_pb2.FLOAT)
    return made


def statistics(luma: float, share_of_none: float = 0.5, images: int = 400, seed: int = 0):
    noise = np.random.default_rng(seed)
    none = round(share_of_none * images)
    frame = pd.DataFrame(
        {
            "luma_mean": noise.normal(luma, 10, images),
            "entropy": noise.normal(luma, 10, images),
            "ship_group": ["0"] * none + ["1-2"] * (images - none),
        }
    )
    return tfdv.generate_statistics_from_dataframe(frame)


def test_drift_measures_what_the_schema_compares(schema):
    distances, too_few = drift(
        {"train_ships": statistics(60, 0.9)}, {"train_ships": statistics(100)}, schema, 100
    )
    found = {distance.feature: distance for distance in distances}
    assert set(found) == {"luma_mean", "ship_group"}  # the schema says nothing of entropy
    assert found["luma_mean"].value > 0.5 and found["luma_mean"].threshold == 0.2
    assert found["luma_mean"].measure == "Jensen-Shannon divergence"
    assert (found["ship_group"].measure, found["ship_group"].value) == ("L-infinity", pytest.approx(0.4))
    assert {distance.kind for distance in distances} == {"drift"}
    assert too_few == []


def test_like_data_is_near(schema):
    distances, _ = drift({"eval_empty": statistics(60)}, {"eval_empty": statistics(60, seed=1)}, schema, 100)
    assert all(distance.value < distance.threshold for distance in distances)


def test_small_splits_are_named_not_compared(schema):
    few = statistics(60, images=99)
    assert drift({"train_ships": few}, {"train_ships": statistics(100)}, schema, 100) == (
        [],
        ["train_ships (99 and 400 images)"],
    )
    assert skew({"train_ships": statistics(60), "test_ships": few}, schema, 100) == (
        [],
        ["test_ships against train_ships (99 and 400 images)"],
    )


def test_skew_compares_eval_and_test_with_train_of_the_same_kind(schema):
    now = {
        "train_ships": statistics(60),
        "eval_ships": statistics(61, seed=1),
        "test_ships": statistics(110),
        "test_empty": statistics(110),
    }
    distances, _ = skew(now, schema, 100)
    far = {distance.between: distance.value > distance.threshold for distance in distances}
    assert far == {"eval_ships and train_ships": False, "test_ships and train_ships": True}
    assert all(distance.kind == "skew" and distance.threshold == 0.3 for distance in distances)


def test_statistics_are_read_by_split(tmp_path):
    folder = tmp_path / "Split-eval_ships"
    folder.mkdir()
    (folder / "FeatureStats.pb").write_bytes(statistics(60).SerializeToString())
    assert list(read_statistics(str(tmp_path))) == ["eval_ships"]
