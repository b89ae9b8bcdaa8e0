import ast
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf

from components.masks import rle
from components.transform.contrast import apply_contrast
from components.transform.decoding import decode_rgb
from components.transform.preprocessing import preprocessing_fn
from components.transform.settings import ContrastSettings

SIZES = [(64, 64), (40, 70), (33, 21)]


def image_bytes(height: int, width: int) -> bytes:
    rng = np.random.default_rng(height)
    stored, buffer = cv2.imencode(".jpg", rng.integers(40, 160, (height, width, 3)).astype(np.uint8))
    assert stored
    return buffer.tobytes()


def ships(height: int, width: int, count: int) -> list[np.ndarray]:
    masks = np.zeros((count, height, width), np.uint8)
    for ship, mask in enumerate(masks):
        mask[5 + 6 * ship : 9 + 6 * ship, 3:15] = 1
    return list(masks)


CONTENTS = [image_bytes(*size) for size in SIZES]
MASKS = [ships(*size, count=count) for count, size in enumerate(SIZES)]
ROWS = [[rle.encode(mask) for mask in masks] for masks in MASKS]


def batch(rank: int) -> dict[str, Any]:
    shape = [-1, 1] if rank == 2 else [-1]
    return {
        "image": tf.reshape(tf.constant(CONTENTS), shape),
        "image_id": tf.reshape(tf.constant(["a.jpg", "b.jpg", "c.jpg"]), shape),
        "ship_count": tf.reshape(tf.constant([0, 1, 2], tf.int64), shape),
        "encoded_pixels": tf.ragged.constant(ROWS, dtype=tf.string).to_sparse(),
    }


def config(method: str) -> dict[str, Any]:
    return {"contrast": {"method": method}, "code_digest": "0"}


@pytest.mark.parametrize("rank", [1, 2])
def test_images_stay_byte_for_byte_without_contrast(rank: int) -> None:
    outputs = preprocessing_fn(batch(rank), config("none"))
    assert outputs["image_encoded"].numpy()[:, 0].tolist() == CONTENTS
    assert outputs["image_id"].numpy().tolist() == [[b"a.jpg"], [b"b.jpg"], [b"c.jpg"]]
    assert outputs["ship_count"].numpy().tolist() == [[0], [1], [2]]
    assert outputs["ship_count"].dtype == tf.int64


def test_masks_are_the_union_of_the_rows_in_the_size_of_the_image() -> None:
    outputs = preprocessing_fn(batch(2), config("none"))
    for content, masks, size in zip(outputs["mask_png"].numpy()[:, 0], MASKS, SIZES, strict=True):
        mask = tf.io.decode_png(content).numpy()
        assert mask.shape == (*size, 1)
        np.testing.assert_array_equal(mask[..., 0], np.any(masks, 0) if masks else np.zeros(size))


def test_adjusted_images_are_stored_without_loss() -> None:
    outputs = preprocessing_fn(batch(2), config("clahe"))
    for stored, content in zip(outputs["image_encoded"].numpy()[:, 0], CONTENTS, strict=True):
        expected = apply_contrast(decode_rgb(content), ContrastSettings(method="clahe"))
        np.testing.assert_array_equal(decode_rgb(stored).numpy(), expected.numpy())


@pytest.mark.slow
def test_transform_runs_it_on_records_and_infers_the_contract() -> None:
    """The real thing: tf.Transform over serialized Examples with the schema's feature shapes."""
    import tensorflow_transform.beam as tft_beam
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.public import tfxio

    single = "shape { dim { size: 1 } } presence { min_fraction: 1 }"
    schema = text_format.Parse(
        f"""
        feature {{ name: "image" type: BYTES {single} }}
        feature {{ name: "image_id" type: BYTES {single} }}
        feature {{ name: "ship_count" type: INT {single} }}
        feature {{ name: "encoded_pixels" type: BYTES value_count {{ min: 0 }} }}
        """,
        schema_pb2.Schema(),
    )
    records = []
    for number, content in enumerate(CONTENTS):
        features = {
            "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[content])),
            "image_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x.jpg"])),
            "ship_count": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
            "encoded_pixels": tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[row.encode() for row in ROWS[number]])
            ),
        }
        records.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    source = tfxio.TFExampleBeamRecord(physical_format="inmem", schema=schema)
    with tempfile.TemporaryDirectory() as folder, tft_beam.Context(temp_dir=folder, force_tf_compat_v1=False):
        import apache_beam as beam

        pipeline = beam.Pipeline("DirectRunner")
        raw = pipeline | beam.Create(records, reshuffle=False) | source.BeamSource()
        (transformed, metadata), graph = (
            raw,
            source.TensorAdapterConfig(),
        ) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, config("stretch")), output_record_batches=True
        )
        out = str(Path(folder) / "rows")
        _ = graph | tft_beam.WriteTransformFn(str(Path(folder) / "graph"))
        coder = beam.Map(lambda batch: repr(sorted(batch[0].to_pydict().items())))
        _ = transformed | coder | beam.io.WriteToText(out, shard_name_template="")
        pipeline.run().wait_until_finish()
        rows = [dict(ast.literal_eval(line)) for line in Path(out).read_text().splitlines()]
    stored = {row["ship_count"][0][0]: row for batch in rows for row in by_example(batch)}
    assert sorted(stored) == [0, 1, 2]
    assert {feature.name for feature in metadata.schema.feature} == {
        "image_id",
        "image_encoded",
        "mask_png",
        "ship_count",
    }
    for number, masks in enumerate(MASKS):
        mask = tf.io.decode_png(stored[number]["mask_png"][0][0]).numpy()[..., 0]
        np.testing.assert_array_equal(mask, np.any(masks, 0) if masks else np.zeros(SIZES[number]))


def by_example(columns: dict[str, list[Any]]) -> list[dict[str, list[Any]]]:
    return [
        {name: [values[index]] for name, values in columns.items()}
        for index in range(len(columns["ship_count"]))
    ]
