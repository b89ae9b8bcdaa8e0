"""`ships scenes` from its call to the table it writes."""

import csv
from io import StringIO

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from components.errors import InputError
from components.ship_example_gen.scenes import read_scenes
from pipeline.scenes_command import find_scenes

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture
def images(tmp_path):
    """Pictures a and b overlap, d is a copy of a; c shows something else. A file is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    scene, other = (rng.integers(0, 255, (768, 1024, 3), np.uint8) for _ in range(2))
    for name, pixels in zip(NAMES, (scene[:, :768], scene[:, 256:], other[:, :768]), strict=False):
        Image.fromarray(pixels).save(folder / name, quality=95)
    (folder / "d.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def _find(images, output=None, scenes="") -> str:
    console = Console(file=StringIO(), width=200)
    find_scenes(str(images), output, scenes, console)
    return console.file.getvalue()


def test_table_is_one_that_run_reads(images, tmp_path):
    output = tmp_path / "scenes.csv"
    told = _find(images, output)
    assert "5 images in 3 scenes, 1 of them with several images, the largest with 3; 1 copies" in told
    assert "5/5 images" in told
    group = "group of a.jpg"
    expected = {"a.jpg": group, "b.jpg": group, "broken.png": "broken.png", "c.jpg": "c.jpg", "d.jpg": group}
    assert read_scenes(str(output)).scene_ids == expected
    with output.open(newline="") as file:
        assert next(csv.DictReader(file)) == {"ImageId": "a.jpg", "SceneId": group}


def test_leaks_across_a_table_are_shown(images, tmp_path):
    table = tmp_path / "known.csv"
    table.write_text("ImageId,SceneId\na.jpg,north\nb.jpg,south\nc.jpg,north\nd.jpg,north\n")
    told = _find(images, scenes=str(table))
    assert "1 pairs of images leak" in told
    (row,) = [line for line in told.splitlines() if "b.jpg" in line]
    assert [cell.strip() for cell in row.strip("│┃ ").split("│")] == [
        "a.jpg", "north", "b.jpg", "south", "overlap", "0", "256",
    ]  # fmt: skip
    table.write_text("ImageId,SceneId\na.jpg,north\nb.jpg,north\nc.jpg,north\n")
    assert "puts nothing that was found together into different scenes" in _find(images, scenes=str(table))


def test_what_cannot_be_written_is_said(images, tmp_path):
    with pytest.raises(InputError, match=r"--output .*nowhere.* cannot be written: No such file"):
        _find(images, tmp_path / "nowhere" / "scenes.csv")
