"""A run that is killed in the middle of ingestion leaves nothing that a later run reads or stumbles over."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from benchmarks.copies import labelled, repeat
from components.examples import SPLITS
from components.tfrecords import read_records
from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
# Enough for a second of ingestion after the first record is on disk.
IMAGES = 600


def _start(data, root):
    command = [sys.executable, "-m", "benchmarks.data_stages", "--root", root, "--images", data / "images"]
    command += ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    return subprocess.Popen(
        [*map(str, command)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _record_files(root):
    return [
        file
        for file in root.glob("artifacts/ShipExampleGen/**/*")
        if "tfrecord" in file.name and file.is_file()
    ]


@pytest.fixture
def data(tmp_path):
    made = generate(tmp_path / "originals", scenes=2, tiles_per_scene=3)
    repeat(labelled(made.images, made.labels), tmp_path / "data", IMAGES)
    return tmp_path / "data"


def test_the_next_run_completes_and_the_counts_hold(data, tmp_path):
    root = tmp_path / "root"
    with _start(data, root) as killed:
        while not any(file.stat().st_size for file in _record_files(root)):
            assert killed.poll() is None, "the run ended before it wrote a record"
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    left = {file: file.stat().st_size for file in _record_files(root)}
    assert _published(root) == {}

    with _start(data, root) as again:
        told, _ = again.communicate(timeout=300)
    assert again.returncode == 0
    assert set(json.loads(told.splitlines()[-1])) >= {"ShipExampleGen", "ImageScreener"}
    published = _published(root)
    (examples,), (clean,), (quarantine,) = (
        published[name]
        for name in ("ShipExampleGen.examples", "ImageScreener.examples", "ImageScreener.quarantine")
    )
    assert not any(file.is_relative_to(examples) for file in left)
    counts = [
        sum(1 for split in splits for _ in read_records(str(uri), split))
        for uri, splits in ((examples, SPLITS), (clean, SPLITS), (quarantine, ["quarantine"]))
    ]
    listed = len(list((data / "images").iterdir()))
    assert counts[0] == counts[1] + counts[2] == listed == IMAGES


def _published(root):
    """Folders of the live artifacts by stage and output."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    artifacts = metadata_store.MetadataStore(connection).get_artifacts()
    live = [artifact for artifact in artifacts if artifact.state == metadata_store_pb2.Artifact.LIVE]
    published = {}
    for artifact in live:
        stage, output = Path(artifact.uri).parts[-3:-1]
        if stage in ("ShipExampleGen", "ImageScreener"):
            published.setdefault(f"{stage}.{output}", []).append(Path(artifact.uri))
    return published
