"""Images and tables in an S3 server, from the command line and in processes that work on images."""

import pytest
from commands import call, stage_lines
from s3_server import ACCESS_KEY, SECRET_KEY, client, create_bucket, s3_server

from components.processes import Processes
from components.ship_example_gen.listing import read_or_nothing
from pipeline.demo.dataset import generate

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    data = generate(tmp_path / "data", scenes=6, tiles_per_scene=2, seed=3)
    (tmp_path / "weed").mkdir()
    with s3_server(tmp_path / "weed") as address:
        store = client(address)
        create_bucket(store, "data")
        for file in (*data.images.iterdir(), data.labels):
            store.upload_file(str(file), "data", str(file.relative_to(tmp_path / "data")))
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield tmp_path / "data"


def test_the_command_line_and_other_processes_read_them(bucket, tmp_path):
    command = [
        "--images",
        "s3://data/images",
        "--labels",
        "s3://data/labels.csv",
        "--root",
        tmp_path / "root",
    ]
    told = call(["stats", *command])
    assert set(stage_lines(told).values()) == {"done"}
    listed = len(list((bucket / "images").iterdir()))
    assert f"{listed} images listed" in told

    image = next((bucket / "images").glob("*.jpg"))
    with Processes(1) as pool:
        read = pool.submit(read_or_nothing, f"s3://data/images/{image.name}", -1).result()
    assert read == image.read_bytes()
