"""A small data set made by code: three images with ships, two without, and files that are no images."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.masks.rle import encode

EDGE_PX = 48


@dataclass(frozen=True)
class DataSet:
    """Paths of a data set on disk."""

    images: Path
    labels: Path
    scenes: Path

    @property
    def paths(self) -> tuple[str, str, str]:
        return str(self.images), str(self.labels), str(self.scenes)


def encoded_ship(top_px: int, left_px: int, height_px: int = 4, width_px: int = 9) -> str:
    """Run-length string of a rectangular ship on an image of the data set."""
    mask = np.zeros((EDGE_PX, EDGE_PX), np.uint8)
    mask[top_px : top_px + height_px, left_px : left_px + width_px] = 1
    return encode(mask)


def write_rows(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture
def ship() -> Callable[..., str]:
    """`encoded_ship`, for label rows of a test's own."""
    return encoded_ship


@pytest.fixture
def make_data_set(tmp_path: Path) -> Callable[[list[tuple[str, ...]]], DataSet]:
    """Writes five images, and label rows of the caller's choice."""

    def make(label_rows: list[tuple[str, ...]]) -> DataSet:
        images = tmp_path / "images"
        images.mkdir()
        noise = np.random.default_rng(0)
        for number in range(5):
            pixels = noise.integers(40, 90, (EDGE_PX, EDGE_PX, 3), np.uint8)
            encoded = cv2.imencode(".jpg", pixels)[1].tobytes()
            (images / f"image{number}.jpg").write_bytes(encoded)
        labels, scenes = tmp_path / "labels.csv", tmp_path / "scenes.csv"
        write_rows(labels, [("ImageId", "EncodedPixels"), *label_rows])
        write_rows(
            scenes,
            [
                ("ImageId", "SceneId", "Source"),
                ("image0.jpg", "harbour", "airbus"),
                ("image1.jpg", "harbour", "airbus"),
                ("image2.jpg", "", "sen2ships"),
            ],
        )
        return DataSet(images, labels, scenes)

    return make


@pytest.fixture
def data_set(make_data_set: Callable[[list[tuple[str, ...]]], DataSet]) -> DataSet:
    """Five whole images with clean labels."""
    return make_data_set(
        [
            ("image0.jpg", encoded_ship(2, 2)),
            ("image0.jpg", encoded_ship(20, 20)),
            ("image1.jpg", encoded_ship(30, 5)),
            ("image2.jpg", encoded_ship(9, 9)),
            ("image3.jpg", ""),
            ("image4.jpg", ""),
        ]
    )
