"""A real S3 server: SeaweedFS, which Kubeflow's own manifests bring."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import botocore.client
import botocore.exceptions

ACCESS_KEY, SECRET_KEY = "ships", "ships-secret"
# SeaweedFS speaks gRPC at each port plus this.
_GRPC = 10_000


@contextlib.contextmanager
def s3_server(folder):
    """Address of a server that keeps its objects in a folder."""
    weed = shutil.which("weed", path=Path(sys.executable).parent)
    identity = {
        "name": "ships",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    master, volume, filer, s3 = (_free_port() for _ in range(4))
    command = [
        weed,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-filer",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={config}",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=0",
    ]
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        yield f"http://127.0.0.1:{s3}"
    finally:
        # Its orderly end takes half a minute, and the objects are thrown away.
        server.kill()
        server.wait()


def client(address):
    """A boto3 client of the server."""
    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=botocore.client.Config(s3={"addressing_style": "path"}),
    )


def create_bucket(s3, bucket, patience_s=60):
    """Make a bucket as soon as the server, which is only just starting, lets it be written to."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="ready", Body=b"yes")
            return
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _free_port():
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port + _GRPC > 65_535:
                port -= 2 * _GRPC
            with contextlib.suppress(OSError):
                second.bind(("127.0.0.1", port + _GRPC))
                return port
