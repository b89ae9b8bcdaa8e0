"""One server for many tests, with a tiny detector whose answer one can tell by eye."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from brightness_networks import classifier, segmenter
from running_server import Client, running

from components.ship_detector.detector import ShipDetector
from components.ship_detector.export import export
from components.ship_detector.settings import DetectorSettings
from components.transform.settings import ContrastSettings


def export_bright_detector(folder: Path, statistics: Path) -> None:
    """A SavedModel of a detector for which bright is ship."""
    detector = ShipDetector(
        classifier(),
        segmenter(),
        ContrastSettings(),
        DetectorSettings(tile_px=256, overlap_px=32),
    )
    export(detector, {"thresholds": {}}, str(statistics), str(folder))


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See export_bright_detector."""
    folder = tmp_path_factory.mktemp("detector")
    export_bright_detector(folder, tmp_path_factory.mktemp("statistics"))
    return folder


@pytest.fixture(scope="session")
def client(saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The server that most tests ask; version 7."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(saved_model, models / "ships" / "7")
    with running(models) as client:
        yield client
