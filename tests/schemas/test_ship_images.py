"""The curated ranges against made-up pictures, and against the real ones where they are to be had."""

import csv
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from PIL import Image
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.coders import example_coder

from components import examples
from components.image_screener.screening import Judge, image_row
from components.image_screener.trials import judge_images
from components.ship_example_gen.listing import list_images
from components.ship_example_gen.quality import SCALARS
from schemas import SHIP_IMAGES, with_columns

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_real_images = pytest.mark.skipif(not SHARED.exists(), reason=f"no real images under {SHARED}")
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def schema():
    return text_format.Parse(SHIP_IMAGES.read_text(), schema_pb2.Schema())


@pytest.fixture(scope="module")
def judge(schema):
    return Judge(schema)


def _reasons(judge: Judge, image: bytes) -> set[str]:
    return {finding.feature for finding in judge.findings(judge.table([image_row(image)]))[0]}


def _jpeg(rgb: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def _flat(level: float) -> np.ndarray:
    return np.full((768, 768, 3), level)


def _waves(level: float) -> np.ndarray:
    """Blue sea under a swell with waves on it."""
    noise = cv2.GaussianBlur(RNG.normal(0, 20, (768, 768)), (0, 0), 1.2)
    swell = 2 * np.sin(np.arange(768) / 7)[:, None]
    return level * np.array([0.6, 1, 1.2]) + (noise + swell)[..., None] * [1.2, 1, 0.8]


def _clouds() -> np.ndarray:
    """White billows at several scales over the whole tile, never under luma 170."""
    height = sum(
        cv2.resize(RNG.random((side, side)), (768, 768), interpolation=cv2.INTER_CUBIC) * 24 / side
        for side in (4, 8, 16, 32)
    )
    height = (height - height.min()) / np.ptp(height)
    return (170 + 75 * height)[..., None] + RNG.normal(0, 1.5, (768, 768, 3))


def test_every_feature_of_the_contract_is_described(schema):
    assert {feature.name for feature in schema.feature} == {*examples.IMAGE_FEATURES, *SCALARS}
    assert [*next(d for d in schema.string_domain if d.name == "ship_group").value] == [*examples.SHIP_GROUPS]


def test_transform_reads_images_as_required_and_masks_as_optional(schema):
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    assert spec["image"] == tf.io.FixedLenFeature([1], tf.string)
    assert spec["ship_count"] == tf.io.FixedLenFeature([1], tf.int64)
    assert spec["encoded_pixels"] == tf.io.VarLenFeature(tf.string)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (_flat(0), "luma_mean"),
        (_flat(0), "dark_fraction"),
        (_flat(90), "luma_std"),
        (_flat(90), "entropy"),
        (_flat(255), "saturated_fraction"),
        (_clouds(), "cloud_fraction"),
        (RNG.integers(0, 256, (768, 768, 3)), "sharpness"),
        (_waves(40) + RNG.normal(0, 20, (768, 768, 3)), "noise_ratio"),
        (_waves(40) * (np.arange(768) < 600)[:, None], "void_fraction"),
        (_waves(40)[..., :1] * [1, 1, 1], "chroma"),
        (_waves(40) * [1, 0, 1], "band_balance"),
        (_waves(40)[..., ::-1], "band_order"),
        (np.where((np.arange(768) < 400)[:, None, None], 1, 1.5) * _waves(40), "row_seam"),
        (_flat(60)[:700], "height"),
        (_flat(60)[:, :700], "width"),
    ],
)
def test_useless_picture_leaves_a_range(judge, picture, reason):
    assert reason in _reasons(judge, _jpeg(picture))


@pytest.mark.parametrize("level", [6, 40, 140])
def test_open_water_by_day_and_dusk_is_ordinary(judge, level):
    assert not _reasons(judge, _jpeg(_waves(level)))


@pytest.mark.parametrize(("quality", "refused"), [(10, True), (30, True), (75, False)])
def test_hard_compression_is_a_reason(judge, quality, refused):
    file = BytesIO()
    Image.fromarray(_waves(40).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    assert ("jpeg_quality" in _reasons(judge, file.getvalue())) is refused


def _statistics(image_count: int, schema: schema_pb2.Schema):
    images = [RNG.bytes(20_000) for _ in range(image_count)]
    records = []
    for number, image in enumerate(images):
        feature = tf.train.Example().features.feature
        example = tf.train.Example()
        feature = example.features.feature
        feature["image"].bytes_list.value.append(image)
        feature["image_id"].bytes_list.value.append(f"{number}.jpg".encode())
        feature["encoded_pixels"].bytes_list.value.extend(
            " ".join(f"{start} 9" for start in range(number, 500_000, 768)).encode() for _ in range(3)
        )
        feature["Source"].bytes_list.value.append(b"airbus")
        records.append(example.SerializeToString())
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))


def test_statistics_hold_neither_pixels_nor_masks(schema, caplog):
    statistics = _statistics(30, schema)
    assert statistics.ByteSize() < 20_000
    assert "utf" not in caplog.text.lower()


def test_texts_that_are_all_different_are_no_anomaly(schema):
    found = tfdv.validate_statistics(_statistics(3, schema), schema).anomaly_info
    assert not {"image_id", "encoded_pixels"} & set(found)
    assert found["sha1"].short_description == "Column dropped"  # the examples above have none


def test_further_columns_can_be_named(schema):
    statistics = _statistics(3, schema)
    assert "Source" in tfdv.validate_statistics(statistics, schema).anomaly_info
    text = with_columns(SHIP_IMAGES.read_text(), ["Source", 'odd "name"'])
    extended = text_format.Parse(text, schema_pb2.Schema())
    assert extended.feature[-1].name == 'odd "name"'
    assert "Source" not in tfdv.validate_statistics(statistics, extended).anomaly_info


@pytest.mark.slow
@needs_real_images
def test_at_most_two_per_cent_of_the_real_tiles_are_refused(judge):
    folders = (SHARED / "ships" / "train_v2", SHARED / "unlabelled")
    found = {folder.name: judge_images(judge, list_images(str(folder))) for folder in folders}
    refused = {name: [findings for findings in by_id.values() if findings] for name, by_id in found.items()}
    assert len(refused["train_v2"]) <= 0.02 * len(found["train_v2"]), refused
    assert not refused["unlabelled"]


# What must be found, by the file's name.
BAD_FILES = {
    "000367c13.jpg": {"height", "width"},
    "0010551d9.jpg": {"height", "width"},
    "0035268d9.jpg": {"height", "width"},
    "00aa79c47_figure.jpg": {"height", "width", "saturated_fraction"},
    "3e60f847b_figure.jpg": {"height", "width", "saturated_fraction"},
    "00a3ab3cc_crop0.jpg": {"height", "width", "file_bytes"},
    "0a89c4e4b_558x558.jpg": {"height", "width"},
    "lfs_pointer.png": {"decode_ok"},
    "heavyclouds_16bit.tif": {"decode_ok"},
    "busan_rgba.png": {"height", "width", "channels"},
    "000155de5_truncated.jpg": {"decode_ok"},
}


@needs_real_images
def test_bad_files_are_refused_for_the_right_reason(judge):
    with (SHARED / "bad" / "manifest.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    found = {name: _reasons(judge, (SHARED / "bad" / name).read_bytes()) for name in names}
    for name, reasons in found.items():
        print(name, sorted(reasons))
        if name in BAD_FILES:
            assert reasons >= BAD_FILES[name], name
    assert set(BAD_FILES) <= set(found)
