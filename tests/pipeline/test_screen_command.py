"""`ships screen` as a process, on a small folder of made-up images."""

import csv
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from rich.console import Console

from components.errors import InputError
from components.image_screener import trials
from components.image_screener.corruptions import CORRUPTIONS, as_jpeg
from components.image_screener.screening import read_schema
from pipeline.screen_command import screen

# Networks, TFX or TFDV as a whole: seconds each.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two ordinary seas, a black picture and half a file, with a manifest of the latter and a scene table."""
    folder = tmp_path_factory.mktemp("screen")
    images = folder / "images"
    images.mkdir()
    rng = np.random.default_rng(1)
    waves = cv2.GaussianBlur(rng.normal(0, 20, (2, 768, 768)).transpose(1, 2, 0), (0, 0), 1.2)
    seas = [(waves[..., n, None] + [30, 50, 60]).clip(0, 255).astype(np.uint8) for n in (0, 1)]
    for name, sea in zip("ab", seas, strict=True):
        (images / f"{name}.jpg").write_bytes(as_jpeg(sea))
    (images / "black.jpg").write_bytes(as_jpeg(np.zeros((768, 768, 3), np.uint8)))
    (images / "cut.jpg").write_bytes(as_jpeg(seas[0])[:20_000])
    (folder / "manifest.csv").write_text("file,what_is_wrong\nblack.jpg,night\ncut.jpg,half\ngone.jpg,lost\n")
    (folder / "scenes.csv").write_text("ImageId,SceneId,Source\na.jpg,1,east\nb.jpg,2,west\n")
    return folder


def _screen(*arguments):
    # JAX, which TensorFlow brings into the process of the tests, sets this one.
    ours = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", "screen", *map(str, arguments)],
        env={**ours, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_flagged_images_are_listed_with_their_reasons(folder, tmp_path):
    result = _screen(
        "--images", folder / "images", "--manifest", folder / "manifest.csv", "-o", tmp_path / "flagged.csv"
    )
    assert result.returncode == 0, result.stderr
    assert "2 of 4 images flagged" in result.stdout
    assert "(not in the folder)" in result.stdout
    assert "4/4 images" in result.stderr
    assert "tensorflow" not in result.stderr.lower()
    with (tmp_path / "flagged.csv").open(newline="") as file:
        rows = {row["image_id"]: row["reasons"] for row in csv.DictReader(file)}
    assert set(rows) == {"black.jpg", "cut.jpg"}
    assert rows["cut.jpg"] == "decode_ok 0 not in [1, 1]"
    assert "luma_mean 0 not in [2, 200]" in rows["black.jpg"]


def test_report_has_a_row_for_each_group_and_corruption(folder, tmp_path, monkeypatch):
    kinds = [kind for kind in CORRUPTIONS if kind.name in ("black", "noise")]
    monkeypatch.setattr(trials, "CORRUPTIONS", kinds)
    report = tmp_path / "report.md"
    screen(
        str(folder / "images"), manifest="", scenes=str(folder / "scenes.csv"), schema_file="", output=report,
        report=True, limit=1, console=Console(quiet=True), verbose=True,
    )  # fmt: skip
    lines = report.read_text().splitlines()
    assert "| Source east | 1 | 0 | 0.0 % |" in lines
    assert "| all | 4 | 2 | 50.0 % |" in lines
    assert "| black | level 0 | yes | 100.0 % | band_balance 1, chroma 1, dark_fraction 1 |" in lines
    assert [line.split(" | ")[1:4] for line in lines if line.startswith("| noise |")] == [
        ["sigma 5", "no", "100.0 %"], *(["sigma " + sigma, "yes", "100.0 %"] for sigma in ("10", "20", "40")),
    ]  # fmt: skip


def test_no_schema_is_told(folder):
    with pytest.raises(InputError, match="schema"):
        read_schema(folder / "manifest.csv")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"--images": "nothing"}, "nothing"),
        ({"--images": "empty"}, "no image"),
        ({"--manifest": "wrong.csv"}, "what_is_wrong"),
        ({"--manifest": "bare.csv"}, "no rows"),
        ({"-o": "no/such/folder.csv"}, "cannot be written"),
    ],
)
def test_what_cannot_be_used_ends_with_code_2(folder, options, told):
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "wrong.csv").write_text("name,fault\na.jpg,blur\n")
    (folder / "bare.csv").write_text("file,what_is_wrong\n")
    given = {"--images": "images"} | options
    result = _screen(*(part for name, value in given.items() for part in (name, folder / value)))
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
