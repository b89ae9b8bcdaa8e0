"""A small data set with everything a page can show, taken through the stages, and its page."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from stages import HOSTILE_LABEL, HOSTILE_NAME, ORDINARY, Artifacts, run_stages

from components.data_gate.artifact import PAGE_FILE, DataSetReport
from components.data_gate.settings import AcceptanceSettings
from components.data_report.executor import Executor
from components.data_report.settings import DataReportSettings
from components.masks.rle import encode


def write_image(path: Path, rgb: NDArray[np.uint8]) -> None:
    path.write_bytes(cv2.imencode(".jpg", rgb)[1].tobytes())


def _sea(noise: np.random.Generator, level: float) -> NDArray[np.uint8]:
    """Waves: unlike noise they go on from pixel to pixel. BGR, as OpenCV writes it; water is blue."""
    waves = cv2.GaussianBlur(noise.normal(0, 20, (768, 768, 3)), (0, 0), 1.2)
    return (level * np.array([1.1, 1.0, 0.9]) + waves).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """14 ordinary images, ten with two ships each, a gray one to be warned of, and five to be quarantined."""
    folder = tmp_path_factory.mktemp("data_report")
    images = folder / "images"
    images.mkdir()
    noise = np.random.default_rng(0)
    mask = np.zeros((768, 768), np.uint8)
    mask[100:110, 200:240] = 1
    ships = [encode(mask), encode(np.roll(mask, 300, axis=0))]
    rows = [("ImageId", "EncodedPixels")]
    for number in range(ORDINARY):
        # The first is the darkest and the last the brightest.
        level = 20 + 5 * number
        write_image(images / f"sea{number:02}.jpg", _sea(noise, level))
        rows += [(f"sea{number:02}.jpg", ship) for ship in (ships if number < 10 else [""])]
    write_image(images / "black.jpg", np.zeros((768, 768, 3), np.uint8))
    write_image(images / "gray.jpg", _sea(noise, 50)[..., 0])
    write_image(images / "small.jpg", _sea(noise, 40)[:500])
    write_image(images / "unlabelled.jpg", _sea(noise, 40))
    write_image(images / "torn.jpg", _sea(noise, 40))
    (images / HOSTILE_NAME).write_bytes(b"no image")
    rows += [(name, "") for name in ("black.jpg", "gray.jpg", "small.jpg", HOSTILE_NAME)]
    rows += [("torn.jpg", HOSTILE_LABEL), ("sea00.jpg", ships[0]), ("gone.jpg", "")]
    labels = folder / "labels.csv"
    with labels.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return run_stages(folder / "artifacts", images, labels)


@pytest.fixture(scope="session")
def make_page(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs the component's executor; returns the file."""

    def make(settings: DataReportSettings | None = None) -> Path:
        report = DataSetReport()
        report.uri = str(tmp_path_factory.mktemp("page"))
        properties = {
            "settings": (settings or DataReportSettings()).model_dump_json(),
            "acceptance": AcceptanceSettings().model_dump_json(),
            "model_store": "",
            "source": "made up",
        }
        Executor().Do(artifacts, {"report": [report]}, properties)
        return Path(report.uri, PAGE_FILE)

    return make


@pytest.fixture(scope="session")
def page(make_page: Callable[..., Path]) -> Path:
    return make_page()
