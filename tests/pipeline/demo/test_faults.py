"""Each fault is there, and is what its name says."""

import csv
import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from components.masks.rle import RleError, decode
from pipeline.demo.dataset import DemoData, generate
from pipeline.demo.faults import FAULTS

SIZE_PX = 192
LABEL_FAULTS_WITH_GOOD_IMAGE = (
    "overlapping_ships", "duplicate_row", "empty_and_ships", "odd_values", "zero_start", "negative_length",
    "beyond_image", "unlabelled_image",
)  # fmt: skip


class Broken:
    """Looks up the file and the label rows of a fault."""

    def __init__(self, demo: DemoData) -> None:
        self._demo = demo
        self._names = {fault: name for name, fault in demo.faults.items()}
        self._rows = defaultdict(list)
        with demo.labels.open(newline="") as file:
            for row in csv.DictReader(file):
                self._rows[row["ImageId"]].append(row["EncodedPixels"])

    def path(self, fault: str) -> Path:
        return self._demo.images / self._names[fault]

    def rows(self, fault: str) -> list[str]:
        return self._rows[self._names[fault]]

    def open(self, fault: str) -> Image.Image:
        image = Image.open(io.BytesIO(self.path(fault).read_bytes()))
        image.load()
        return image


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(directory: Path) -> DemoData:
    return generate(directory, scenes=1, seed=3, size_px=SIZE_PX)


@pytest.fixture(scope="module")
def broken(demo: DemoData) -> Broken:
    return Broken(demo)


def test_every_fault_is_listed_once_and_apart_from_good_images(directory: Path, demo: DemoData) -> None:
    assert sorted(demo.faults.values()) == sorted(FAULTS)
    assert not set(demo.faults) & set(demo.ship_counts)
    with (directory / "faults.csv").open(newline="") as file:
        assert {row["ImageId"]: row["Fault"] for row in csv.DictReader(file)} == demo.faults


def test_faults_share_no_scene_with_good_images(demo: DemoData) -> None:
    with demo.scenes.open(newline="") as file:
        scenes = {row["ImageId"]: row["SceneId"] for row in csv.DictReader(file)}
    assert not {scenes[name] for name in demo.faults} & {scenes[name] for name in demo.ship_counts}


def test_without_faults_there_are_none(tmp_path: Path) -> None:
    demo = generate(tmp_path, scenes=1, size_px=96, faults=False)
    assert demo.faults == {}
    assert (tmp_path / "faults.csv").read_text() == "ImageId,Fault\n"


@pytest.mark.parametrize("fault", LABEL_FAULTS_WITH_GOOD_IMAGE)
def test_images_of_label_faults_are_good(broken: Broken, fault: str) -> None:
    image = broken.open(fault)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE_PX, SIZE_PX))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("odd_values", "odd number"),
        ("zero_start", "start below 1"),
        ("negative_length", "length below 1"),
        ("beyond_image", "beyond the image"),
    ],
)
def test_rows_that_are_no_masks(broken: Broken, fault: str, message: str) -> None:
    messages = []
    for row in broken.rows(fault):
        try:
            decode(row, SIZE_PX, SIZE_PX)
        except RleError as error:
            messages.append(str(error))
    assert len(messages) == 1
    assert message in messages[0]


def test_overlapping_ships(broken: Broken) -> None:
    masks = [decode(row, SIZE_PX, SIZE_PX) for row in broken.rows("overlapping_ships")]
    assert np.sum(masks, axis=0).max() == 2
    assert len(set(broken.rows("overlapping_ships"))) == len(masks)


def test_duplicate_row(broken: Broken) -> None:
    rows = broken.rows("duplicate_row")
    assert len(rows) == len(set(rows)) + 1


def test_empty_row_beside_ships(broken: Broken) -> None:
    rows = broken.rows("empty_and_ships")
    assert "" in rows
    assert any(rows)


def test_rows_without_image_and_image_without_rows(broken: Broken) -> None:
    assert not broken.path("absent_image").exists()
    assert broken.rows("absent_image")
    assert broken.rows("unlabelled_image") == []


def test_truncated_file_has_a_header_but_not_all_pixels(broken: Broken) -> None:
    Image.open(broken.path("truncated")).close()
    with pytest.raises(OSError, match="truncated"):
        broken.open("truncated")


@pytest.mark.parametrize("fault", ["empty_file", "not_an_image"])
def test_files_that_are_no_images(broken: Broken, fault: str) -> None:
    assert (broken.path(fault).stat().st_size == 0) == (fault == "empty_file")
    with pytest.raises(UnidentifiedImageError):
        broken.open(fault)


def test_images_of_another_kind(broken: Broken) -> None:
    assert broken.open("wrong_size").size == (SIZE_PX * 558 // 768 + 1,) * 2
    assert broken.open("grayscale").mode == "L"
    assert (broken.open("rgba_png").format, broken.open("rgba_png").mode) == ("PNG", "RGBA")


def test_images_that_show_nothing(broken: Broken) -> None:
    assert np.asarray(broken.open("all_black")).max() == 0
    white = np.asarray(broken.open("all_white"))
    assert white.mean() > 235
    assert white.std() < 6
