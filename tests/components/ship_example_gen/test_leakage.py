"""Nothing that shows the same ground is in two roles, whether or not the scenes are known."""

import csv
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import standard_artifacts

from components.examples import SPLITS
from components.ship_example_gen.component import LabelReport, ShipExampleGen
from components.ship_example_gen.executor import Executor
from components.ship_example_gen.settings import IngestionSettings
from components.tfrecords import read_records
from pipeline.demo.scenes import render_scene

pytestmark = pytest.mark.slow

TILE_PX, STRIDE_PX = 768, 256
REAL_SCENES = Path(__file__).resolve().parents[4] / "shared" / "data" / "scenes"
# The calmest water there is: its tiles have only noise to be recognised by.
PLAN = (("harbour", "lone", "clear"), ("open_sea", "empty", "clear"), ("open_sea", "lone", "haze"))


@cache
def _demo_scenes() -> list[np.ndarray]:
    shape = (TILE_PX + STRIDE_PX, TILE_PX + 2 * STRIDE_PX)
    return [
        render_scene(
            np.random.default_rng(number), shape, source=source, fleet=fleet, weather=weather, longest_px=300
        ).pixels
        for number, (source, fleet, weather) in enumerate(PLAN)
    ]


def _real_scenes() -> list[np.ndarray]:
    if not REAL_SCENES.exists():
        pytest.skip(f"no real scenes under {REAL_SCENES}")
    # Two strides each way are enough, and quick.
    most_px = TILE_PX + 2 * STRIDE_PX
    files = sorted(REAL_SCENES.glob("*.png"))
    return [np.asarray(Image.open(file).convert("RGB"))[:most_px, :most_px] for file in files]


def _jpeg(pixels: np.ndarray, quality: int = 95) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


class Folder:
    """Tiles of scenes under names that tell nothing, and what became of them."""

    def __init__(self, path: Path, scenes: list[np.ndarray]) -> None:
        self.path = path
        self.images = path / "images"
        self.images.mkdir()
        self.scene_of: dict[str, int] = {}
        rng = np.random.default_rng(0)
        for scene, pixels in enumerate(scenes):
            for top in range(0, pixels.shape[0] - TILE_PX + 1, STRIDE_PX):
                for left in range(0, pixels.shape[1] - TILE_PX + 1, STRIDE_PX):
                    name = f"{rng.integers(1 << 32):08x}.jpg"
                    tile = pixels[top : top + TILE_PX, left : left + TILE_PX]
                    (self.images / name).write_bytes(_jpeg(tile))
                    self.scene_of[name] = scene

    def names(self, scene: int) -> list[str]:
        """Images of a scene, by name."""
        return sorted(name for name, its_scene in self.scene_of.items() if its_scene == scene)

    def ingest(self, scenes: str = "", **settings: object) -> None:
        """Run the real executor and read what it wrote."""
        labels = self.path / "labels.csv"
        rows = [f"{path.name},1000 3" for path in sorted(self.images.iterdir())]
        labels.write_text("\n".join(["ImageId,EncodedPixels", *rows]) + "\n", encoding="utf-8")
        examples, report = standard_artifacts.Examples(), LabelReport()
        examples.uri, report.uri = str(self.path / "examples"), str(self.path / "report")
        component = ShipExampleGen(str(self.images), str(labels), scenes, IngestionSettings(**settings))
        Executor().Do({}, {"examples": [examples], "label_report": [report]}, component.spec.exec_properties)
        self.report = Path(report.uri)
        self.role: dict[str, str] = {}
        self.features: dict[str, dict[str, object]] = {}
        for split in SPLITS:
            for record in read_records(examples.uri, split):
                feature = tf.train.Example.FromString(record).features.feature
                name = feature["image_id"].bytes_list.value[0].decode()
                self.role[name] = split.partition("_")[0]
                self.features[name] = {
                    "scene_id": feature["scene_id"].bytes_list.value[0].decode(),
                    "is_duplicate": feature["is_duplicate"].int64_list.value[0],
                    "duplicate_of": feature["duplicate_of"].bytes_list.value[0].decode(),
                }

    def overlaps(self) -> list[dict[str, str]]:
        """Rows of the report."""
        with (self.report / "overlaps.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.mark.parametrize("scenes", [_demo_scenes, _real_scenes])
def test_overlapping_tiles_never_straddle_roles(tmp_path, scenes):
    folder = Folder(tmp_path, scenes())
    folder.ingest(train_ratio=0.4, eval_ratio=0.3)
    assert len(folder.role) == len(folder.scene_of)
    found = set()
    for scene in set(folder.scene_of.values()):
        names = folder.names(scene)
        assert len({folder.role[name] for name in names}) == 1
        # Nor are scenes thrown together: each is a group that bears the name of its own first image.
        assert {folder.features[name]["scene_id"] for name in names} == {f"group of {names[0]}"}
        found.add(names[0])
    assert len(found) == len(set(folder.scene_of.values()))
    assert not any(features["is_duplicate"] for features in folder.features.values())
    shifts = {(int(row["shift_rows"]) % STRIDE_PX, row["kind"]) for row in folder.overlaps()}
    assert shifts == {(0, "overlap")}
    assert sorted(path.name for path in folder.report.iterdir()) == ["label_issues.csv", "overlaps.csv"]


@pytest.fixture
def harbour() -> np.ndarray:
    return _demo_scenes()[0]


def test_copies_and_broken_files(tmp_path, harbour):
    folder = Folder(tmp_path, [harbour[:TILE_PX, :TILE_PX]])
    (only,) = folder.scene_of
    whole = (folder.images / only).read_bytes()
    for name, content in {
        "z-copy.jpg": whole,
        "z-recompressed.jpg": _jpeg(np.asarray(Image.open(BytesIO(whole))), 75),
        "z-other.jpg": _jpeg(np.random.default_rng(1).integers(0, 255, (TILE_PX, TILE_PX, 3), np.uint8)),
        "z-truncated.jpg": whole[:20_000],
        "z-text.png": b"no image",
    }.items():
        (folder.images / name).write_bytes(content)
    (folder.images / "z-unreadable.jpg").symlink_to(tmp_path / "nowhere")
    (folder.images / "z-unreadable-too.jpg").symlink_to(tmp_path / "nowhere")
    folder.ingest()
    copies = {name: features for name, features in folder.features.items() if features["is_duplicate"]}
    alone = f"group of {only}"
    copied = {"scene_id": alone, "is_duplicate": 1, "duplicate_of": only}
    assert copies == {"z-copy.jpg": copied, "z-recompressed.jpg": copied}
    assert folder.features[only] == {"scene_id": alone, "is_duplicate": 0, "duplicate_of": ""}
    assert {folder.role[name] for name in (only, *copies)} == {folder.role[only]}
    for name in ("z-other.jpg", "z-truncated.jpg", "z-text.png", "z-unreadable.jpg", "z-unreadable-too.jpg"):
        assert folder.features[name] == {"scene_id": name, "is_duplicate": 0, "duplicate_of": ""}
    assert [tuple(row.values()) for row in folder.overlaps()] == [
        (only, "z-copy.jpg", "duplicate", "0", "0"),
        (only, "z-recompressed.jpg", "near_duplicate", "0", "0"),
    ]


def test_scenes_of_the_table_that_overlap_get_one_role(tmp_path, harbour, caplog):
    other = np.random.default_rng(1).integers(0, 255, (TILE_PX, TILE_PX, 3), np.uint8)
    folder = Folder(tmp_path, [harbour, other])
    names = folder.names(0)
    # Each tile is said to be a scene of its own, but for one of which nothing is said.
    said = {name: f"scene-{number}" for number, name in enumerate(names[:-1])} | {folder.names(1)[0]: "alone"}
    table = tmp_path / "scenes.csv"
    table.write_text("\n".join(["ImageId,SceneId", *(",".join(row) for row in said.items())]))
    with caplog.at_level("INFO"):
        folder.ingest(str(table), train_ratio=0.4, eval_ratio=0.3)
    assert {name: folder.features[name]["scene_id"] for name in said} == said
    assert folder.features[names[-1]]["scene_id"] == f"group of {names[0]}"
    assert len({folder.role[name] for name in names}) == 1
    # All pairs of the five tiles that are said to be of different scenes share a block at least.
    assert "10 pairs of images show the same ground although the scene table" in caplog.text
    assert "each of these 5 scenes" in caplog.text


def test_nobody_looks_if_told_so(tmp_path, harbour):
    folder = Folder(tmp_path, [harbour[:TILE_PX, : TILE_PX + STRIDE_PX]])
    folder.ingest(find_overlaps=False)
    assert {name: features["scene_id"] for name, features in folder.features.items()} == {
        name: name for name in folder.scene_of
    }
    assert not (folder.report / "overlaps.csv").exists()
