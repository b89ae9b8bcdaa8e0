"""Tiny data sets in the trainers' record contract: a dark sea with bright rectangles as ships."""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

SEA, SHIP = 60, 220


def scene(
    random: np.random.Generator, ships: int, edge_px: int = 96
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image uint8 [E, E, 3] and mask uint8 [E, E] of 0 and 1."""
    mask = np.zeros((edge_px, edge_px), np.uint8)
    for _ in range(ships):
        top, left = random.integers(0, edge_px - 20, 2)
        mask[top : top + 10, left : left + 20] = 1
    image = np.where(mask[..., None] > 0, SHIP, SEA) + random.integers(-10, 11, (edge_px, edge_px, 3))
    return image.astype(np.uint8), mask


def record(image_id: str, image: NDArray[np.uint8], mask: NDArray[np.uint8], ship_count: int) -> bytes:
    """Serialized example; the image is stored as PNG, so its pixels come back exactly."""
    features = {
        "image_id": _bytes(image_id.encode()),
        "image_encoded": _bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes()),
        "mask_png": _bytes(cv2.imencode(".png", mask)[1].tobytes()),
        "ship_count": tf.train.Feature(int64_list=tf.train.Int64List(value=[ship_count])),
    }
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def write(folder: Path, records: list[bytes]) -> list[str]:
    """Writes one gzip record file; returns the patterns that TFX would hand to a trainer."""
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for serialized in records:
            writer.write(serialized)
    return [str(folder / "*")]


def write_scenes(folder: Path, ships: list[int], edge_px: int = 96, seed: int = 0) -> list[str]:
    """One image for each number of ships."""
    random = np.random.default_rng(seed)
    return write(
        folder,
        [record(f"{folder.name}-{i}.jpg", *scene(random, n, edge_px), n) for i, n in enumerate(ships)],
    )


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
