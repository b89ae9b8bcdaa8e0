"""The Airbus codec: identity, strictness, and the genuine label rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pycocotools import mask as coco

from components.masks.rle import RleError, decode, encode, parse_runs

GENUINE_ROWS = Path(__file__).resolve().parents[3].parent / "shared/data/annotations/rle_sample.csv.gz"


def test_counts_down_the_columns_from_one():
    mask = decode("1 2 8 1", height=3, width=4)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert encode(mask) == "1 2 8 1"


def test_a_run_goes_on_at_the_head_of_the_next_column():
    assert encode(np.array([[0, 1], [1, 0]], bool)) == "2 2"


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_no_runs_are_the_empty_mask(blank: str):
    assert not decode(blank, 5, 7).any()
    assert encode(np.zeros((5, 7), np.uint8)) == ""


def test_full_and_one_pixel_masks():
    assert encode(np.ones((768, 768), bool)) == f"1 {768 * 768}"
    assert decode("12 1", 3, 4)[2, 3] == 1
    assert encode(np.zeros((0, 4), bool)) == ""


def test_runs_that_touch_are_valid_and_are_joined_when_written_anew():
    assert encode(decode("1 2 3 4", 4, 4)) == "1 6"


masks = npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(masks, st.sampled_from(["C", "F", "strided"]), st.sampled_from([1, 255]))
def test_round_trip_in_any_memory_layout(mask: np.ndarray, layout: str, ship: int):
    value = mask.astype(np.uint8) * np.uint8(ship)
    value = np.repeat(value, 2, axis=1)[:, ::2] if layout == "strided" else np.asarray(value, order=layout)
    assert np.array_equal(decode(encode(value), *mask.shape), mask)


@given(masks)
def test_agrees_with_pycocotools(mask: np.ndarray):
    runs = parse_runs(encode(mask), *mask.shape)
    reference = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert runs.area_px == coco.area(reference)
    counts = [0, 0]
    for start, length in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True):
        counts += [start - sum(counts), length]
    height, width = mask.shape
    ours = coco.frPyObjects(
        {"size": [height, width], "counts": [*counts, mask.size - sum(counts)]}, height, width
    )
    assert np.array_equal(coco.decode(ours), coco.decode(reference))


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("1", "odd number of values: 1"),
        ("1 2 3", "odd number of values: 3"),
        ("a 1", "not a whole number: 'a'"),
        ("1.5 2", "not a whole number: '1.5'"),
        ("1 2,3 4", "not a whole number: '2,3'"),
        ("- 1", "not a whole number: '-'"),
        ("1_0 1", "not a whole number: '1_0'"),
        ("\u0661 1", "not a whole number: '\u0661'"),
        ("0 1", "start below 1: 0"),
        ("-5 1", "start below 1: -5"),
        ("1 0", "length below 1: 0"),
        ("1 -3", "length below 1: -3"),
        ("81 1", "run beyond the image: 81 1 in 10 x 8 px"),
        ("80 2", "run beyond the image: 80 2 in 10 x 8 px"),
        ("9223372036854775807 1", "run beyond the image"),
        ("2 9223372036854775807", "run beyond the image"),
        (f"{'9' * 40} 1", "run beyond the image"),
        ("1 5 3 1", "runs overlap or are not in order: 3 1"),
        ("9 1 1 1", "runs overlap or are not in order: 1 1"),
    ],
)
def test_faulty_strings_are_refused_with_a_reason(encoded: str, reason: str):
    with pytest.raises(RleError) as refused:
        decode(encoded, height=8, width=10)
    assert str(refused.value).startswith(reason)


@given(st.text("0123456789 -x", max_size=12))
def test_any_text_is_a_mask_or_an_rle_error(encoded: str):
    try:
        mask = decode(encoded, 6, 6)
    except RleError:
        return
    assert mask.shape == (6, 6)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 1), np.uint8)])
def test_encode_wants_a_two_dimensional_mask(mask: np.ndarray):
    with pytest.raises(ValueError, match="expected a bool or uint8 mask"):
        encode(mask)


@pytest.mark.skipif(
    not GENUINE_ROWS.exists(), reason=f"GENUINE LABELS NOT TESTED: {GENUINE_ROWS} is not on this machine"
)
def test_genuine_rows_survive_unchanged():
    rows = pd.read_csv(GENUINE_ROWS, keep_default_na=False)["EncodedPixels"]
    ships = rows[rows != ""]
    assert len(ships) > 5_000
    changed = [row for row in ships if encode(decode(row, 768, 768)) != row]
    assert not changed
