"""The verdict about each image of a batch is the one that TFDV gives about the image alone."""

import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_data_validation.api import validation_api
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_screener.screening import ESSENTIAL, Finding, Judge
from components.image_screener.trials import judge_images
from components.ship_example_gen.listing import MAX_FILE_BYTES, ImageFile

ORDINARY = {
    "ship_count": [1], "has_ship": [1], "ship_group": [b"1-2"], "ship_pixels": [300], "label_ok": [1],
    "label_plausible": [1], "is_duplicate": [0], "decode_ok": [1], "height": [768], "width": [768],
    "channels": [3], "format": [b"JPEG"],
    "file_bytes": [90_000], "luma_mean": [45.0], "luma_std": [9.0], "luma_p01": [20.0], "luma_p99": [70.0],
    "entropy": [4.5], "sharpness": [30.0], "dark_fraction": [0.0], "saturated_fraction": [0.0],
    "cloud_fraction": [0.0], "relative_sharpness": [2.0], "noise_ratio": [0.4], "void_fraction": [0.0],
    "chroma": [12.0], "band_balance": [0.5], "band_order": [0.8], "row_seam": [0.1], "jpeg_quality": [95.0],
}  # fmt: skip
FLOATS = [name for name, values in ORDINARY.items() if isinstance(values[0], float)]
INTS = [name for name, values in ORDINARY.items() if isinstance(values[0], int)]
TEXTS = ["ship_group", "format"]
SLOW = settings(max_examples=8, deadline=None)


@pytest.fixture(scope="module")
def judge(schema):
    return Judge(schema)


def found_in(judge, rows):
    return judge.findings(judge.table(rows))


def test_ordinary_image_has_no_finding(judge):
    assert found_in(judge, [ORDINARY]) == [[]]


def test_no_images_no_findings(judge):
    assert found_in(judge, []) == []


def test_finding_reads_as_a_sentence(judge):
    (found,) = found_in(judge, [ORDINARY | {"luma_mean": [1.5], "format": [b"TIFF"], "height": [500]}])
    assert [str(finding) for finding in found] == [
        "height 500 not in [768, 768]",
        "format TIFF not in {JPEG, PNG}",
        "luma_mean 1.5 not in [2, 200]",
    ]


def test_undecodable_image_has_one_reason(judge):
    sizes = {"height": [0], "width": [0], "channels": [0], "format": [b""], "file_bytes": [0]}
    row = ORDINARY | sizes | {"decode_ok": [0]} | dict.fromkeys(FLOATS)
    assert found_in(judge, [ORDINARY, row]) == [[], [Finding("decode_ok", "0", "[1, 1]")]]


def test_bad_label_is_told_with_its_reason(judge):
    (found,) = found_in(judge, [ORDINARY | {"decode_ok": [0], "decode_reason": [b"TIFF is no PNG"]}])
    assert [str(finding) for finding in found] == ["decode_ok 0 not in [1, 1]: TIFF is no PNG"]
    (found,) = found_in(judge, [ORDINARY | {"decode_ok": [0], "decode_reason": [b""]}])
    assert [str(finding) for finding in found] == ["decode_ok 0 not in [1, 1]"]
    (found,) = found_in(judge, [ORDINARY | {"label_ok": [0], "label_reason": [b"odd number of figures"]}])
    assert [str(finding) for finding in found] == ["label_ok 0 not in [1, 1]: odd number of figures"]
    (found,) = found_in(judge, [ORDINARY | {"label_plausible": [0], "label_doubt": [b"ships cover land"]}])
    assert [str(finding) for finding in found] == ["label_plausible 0 not in [1, 1]: ships cover land"]


def test_copy_is_told_with_its_original(judge):
    (found,) = found_in(judge, [ORDINARY | {"is_duplicate": [1], "duplicate_of": [b"a.jpg"]}])
    assert [str(finding) for finding in found] == ["is_duplicate 1 not in [0, 0]: a.jpg"]


@pytest.mark.parametrize(
    ("name", "values"),
    [("height", None), ("height", []), ("channels", [3, 3]), ("decode_ok", None), ("entropy", [math.nan])],
)
def test_missing_doubled_and_undefined_values_are_found(judge, name, values):
    (plain, found) = found_in(judge, [ORDINARY, ORDINARY | {name: values}])
    assert not plain
    assert [finding.feature for finding in found] == [name]


def test_measures_may_be_absent(judge):
    assert found_in(judge, [ORDINARY | dict.fromkeys(FLOATS)]) == [[]]


def test_a_file_that_is_too_large_is_not_read(judge):
    large = ImageFile("a.png", "nowhere/a.png", MAX_FILE_BYTES + 1, 0.0)
    (finding,) = judge_images(judge, [large])["a.png"]
    assert str(finding) == "decode_ok 0 not in [1, 1]: 268,435,457 bytes, more than 268,435,456"


def test_switched_off_only_the_essential_counts(schema):
    judge = Judge(schema, all_features=False)
    rows = [ORDINARY | {"height": [1], "luma_mean": [0.0]}, *(ORDINARY | {name: [0]} for name in ESSENTIAL)]
    assert [[finding.feature for finding in found] for found in found_in(judge, rows)] == [
        [], ["decode_ok"], ["label_ok"],
    ]  # fmt: skip


def test_schema_without_essentials_is_refused(schema):
    with pytest.raises(ValueError, match="decode_ok, label_ok"):
        Judge(schema_pb2.Schema())


def test_decode_reads_the_judged_values_of_examples(judge, make_example, sea_jpeg):
    example = make_example(sea_jpeg)
    table = judge.decode([example.SerializeToString()])
    assert set(table.schema.names) == {
        *ORDINARY, "decode_reason", "label_reason", "label_doubt", "duplicate_of", "image_id", "sha1",
    }  # fmt: skip
    (row,) = table.to_pylist()
    assert (row["height"], row["format"], row["ship_count"]) == ([768], [b"JPEG"], [0])
    assert judge.findings(table) == [[]]
    assert table.schema == judge.table([ORDINARY]).schema


def test_what_is_missing_in_an_example_has_no_value(judge, make_example, sea_jpeg):
    example = make_example(sea_jpeg)
    del example.features.feature["height"]
    example.features.feature["channels"].int64_list.ClearField("value")
    (found,) = judge.findings(judge.decode([example.SerializeToString()]))
    assert [finding.feature for finding in found] == ["height", "channels"]


def test_examples_of_other_types_than_the_schema_says_are_refused(judge, make_example, sea_jpeg):
    example = make_example(sea_jpeg)
    example.features.feature["height"].float_list.value.append(768)
    with pytest.raises(ValueError, match=r'do not fit the schema: .*"height"'):
        judge.decode([example.SerializeToString()])
    with pytest.raises(ValueError, match="Unable to parse example"):
        judge.decode([b"no example"])


_VALUES = {
    **dict.fromkeys(
        FLOATS, st.floats(-2, 300, width=32) | st.sampled_from([0.3, 0.8, 200.0, math.nan, math.inf])
    ),
    **dict.fromkeys(INTS, st.sampled_from([0, 1, 3, 767, 768, 8000, -1, 10**7])),
    **dict.fromkeys(TEXTS, st.sampled_from([b"JPEG", b"PNG", b"TIFF", b"0", b"13+", b""])),
}
_CHANGE = st.sampled_from(sorted(_VALUES)).flatmap(lambda name: st.tuples(st.just(name), _VALUES[name]))
_ROW = st.lists(_CHANGE, max_size=3).map(
    lambda changes: ORDINARY | {name: [value] for name, value in changes} | {"decode_ok": [1]}
)


@SLOW
@given(rows=st.lists(_ROW | st.just(ORDINARY), min_size=1, max_size=9))
def test_verdicts_in_a_batch_are_those_of_tfdv_on_single_examples(judge, schema, rows):
    found = [{finding.feature for finding in findings} for findings in found_in(judge, rows)]
    assert found == [_tfdv_alone(row, schema) for row in rows]


def _tfdv_alone(row, schema):
    """Anomalous features by TFDV's own per-example validation, without any of the screener's code."""
    known = schema_pb2.Schema(string_domain=schema.string_domain)
    known.feature.extend(feature for feature in schema.feature if feature.name in row)
    columns = {name: pa.array([values], _arrow_type(name)) for name, values in row.items()}
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    options = tfdv.StatsOptions(schema=known, num_histogram_buckets=1, num_quantiles_histogram_buckets=1)
    anomalies = validation_api.validate_instance(batch, options).anomaly_info.values()
    return {anomaly.path.step[0] for anomaly in anomalies}


def _arrow_type(name):
    return pa.list_(pa.float32() if name in FLOATS else pa.int64() if name in INTS else pa.binary())


@SLOW
@given(rows=st.lists(_ROW | st.just(ORDINARY), min_size=2, max_size=6), sight=st.booleans())
def test_first_sight_decides_nothing(judge, rows, sight):
    expected = found_in(judge, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "_looks_ordinary", lambda name, column: np.full(len(column), sight))
        assert found_in(judge, rows) == expected
