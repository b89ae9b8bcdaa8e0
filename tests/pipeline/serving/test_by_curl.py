"""Plain curl, as the documentation shows it."""

import json
import shutil
import subprocess

import pytest
from brightness_networks import encoded, scene

from components.masks import rle

SHIP = scene(96, 64, (20, 30, 12, 25))
RLE = rle.encode(SHIP.mean(-1) > 130)

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="NOT TESTED BY CURL: there is none on PATH"
)


@pytest.fixture
def shell(client, tmp_path):
    """Runs a line of bash with the port in $PORT and an image in image.jpg; status and JSON of the answer."""
    (tmp_path / "image.jpg").write_bytes(encoded(SHIP, ".jpg"))

    def run(line):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env={"PORT": str(client.server.rest_port), "PATH": "/usr/bin:/bin", "no_proxy": "*"},
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        answer, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(answer)

    return run


CURL = r"curl -s -w '\n%{http_code}'"
ADDRESS = "localhost:$PORT/v1/models/ships"
ROWS = """(printf '{"instances": [{"b64": "'; base64 -w0 image.jpg; printf '"}]}')"""


def test_predict(shell):
    status, answer = shell(f"{ROWS} | {CURL} -d @- {ADDRESS}:predict")
    (prediction,) = answer["predictions"]
    assert status == 200
    assert (prediction["encoded_pixels"], prediction["ship_pixels"]) == (RLE, 300)


def test_columns_of_a_version_and_signature_with_a_large_body(shell):
    # Above 1 kB curl asks by "Expect: 100-continue" whether to send it.
    columns = """(printf '{"signature_name": "mask", "inputs": {"image_bytes": ['"""
    columns += """; for i in 1 2 3; do printf '{"b64": "'; base64 -w0 image.jpg; printf '"},'; done"""
    columns += """; printf '{"b64": "'; base64 -w0 image.jpg; printf '"}]}}')"""
    expect = "-H 'Expect: 100-continue'"
    status, answer = shell(f"{columns} | {CURL} {expect} -d @- {ADDRESS}/versions/7:predict")
    assert status == 200
    assert answer["outputs"]["encoded_pixels"] == [RLE] * 4
    assert set(answer["outputs"]["mask_png_bytes"][0]) == {"b64"}


def test_a_bare_file(shell):
    status, answer = shell(f"{CURL} --data-binary @image.jpg localhost:$PORT/find")
    assert status == 200
    assert [ship["encoded"] for ship in answer["ships"]] == [RLE]


def test_what_cannot_be_answered(shell):
    assert shell(f"{CURL} -d '{{}}' {ADDRESS}:predict")[0] == 400
    status, answer = shell(f"{CURL} {ADDRESS}/versions/8")
    assert status == 404
    assert "8" in answer["error"]
