"""A run that is killed in the middle of ingestion leaves nothing that a later run reads or stumbles over."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from benchmarks.copies import labelled, repeat
from commands import call, ships, stage_lines
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from components.examples import SPLITS
from components.tfrecords import read_records
from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow

# Enough for a second of ingestion after the first record is on disk.
IMAGES = 600


def _stats(data, root):
    tables = ["--labels", data / "labels.csv", "--scenes", data / "scenes.csv"]
    return ["stats", "--images", data / "images", *tables, "--root", root]


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
    command, options = ships(*_stats(data, root))
    with subprocess.Popen(command, **options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        while not any(file.stat().st_size for file in _record_files(root)):
            assert killed.poll() is None, "the run ended before it wrote a record"
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    left = {file: file.stat().st_size for file in _record_files(root)}
    assert _published(root) == {}

    assert " interrupted " in call(["runs", "--root", root])
    assert set(stage_lines(call(_stats(data, root))).values()) == {"done"}
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
