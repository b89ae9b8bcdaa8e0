"""The written data set: layout, determinism, labels and how the pictures are distributed."""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from components.errors import SettingsError
from components.examples import SHIP_GROUPS, ship_group
from components.masks.rle import decode
from pipeline.demo.dataset import DemoData, generate
from pipeline.demo.scenes import SOURCES

SIZE_PX, TILES = 192, 7


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return generate(tmp_path_factory.mktemp("demo"), scenes=28, size_px=SIZE_PX, tiles_per_scene=TILES)


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return generate(tmp_path_factory.mktemp("full"), scenes=2, faults=False, tiles_per_scene=4)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def content(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_same_arguments_give_the_same_bytes_and_another_seed_other_pictures(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        generate(tmp_path / name, scenes=2, seed=seed, size_px=96)
    first, second, other = (content(tmp_path / name) for name in ("one", "two", "other"))
    assert first == second
    assert not {name for name in first if name.endswith(".jpg")} & set(other)


def test_more_scenes_leave_the_first_ones_as_they_are(tmp_path: Path) -> None:
    generate(tmp_path / "few", scenes=1, size_px=96, faults=False)
    generate(tmp_path / "many", scenes=2, size_px=96, faults=False)
    few, many = content(tmp_path / "few" / "images"), content(tmp_path / "many" / "images")
    assert len(few) == 5
    assert few.items() < many.items()


def test_layout_is_that_of_airbus(demo: DemoData) -> None:
    labels, scenes = rows_of(demo.labels), rows_of(demo.scenes)
    assert list(labels[0]) == ["ImageId", "EncodedPixels"]
    assert list(scenes[0]) == ["ImageId", "SceneId", "Source"]
    images = {path.name for path in demo.images.iterdir()}
    assert all(re.fullmatch(r"[0-9a-f]{9}\.jpg", name) for name in images)
    known = set(demo.ship_counts) | set(demo.faults)
    absent = {name for name, fault in demo.faults.items() if fault == "absent_image"}
    assert images == known - absent
    assert {row["ImageId"] for row in scenes} == known
    assert len(scenes) == len(known)


def test_good_images_are_airbus_like_jpegs(demo: DemoData) -> None:
    for name in list(demo.ship_counts)[::9]:
        with Image.open(demo.images / name) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE_PX, SIZE_PX))
            assert JpegImagePlugin.get_sampling(image) == 2  # 4:2:0
            assert image.quantization[0][0] == 2  # quality 95 turns the standard table's 16 into 2


def test_labels_are_masks_without_overlap(demo: DemoData) -> None:
    rows = defaultdict(list)
    for row in rows_of(demo.labels):
        rows[row["ImageId"]].append(row["EncodedPixels"])
    for name, ship_count in demo.ship_counts.items():
        if ship_count == 0:
            assert rows[name] == [""]
            continue
        masks = [decode(encoded, SIZE_PX, SIZE_PX) for encoded in rows[name]]
        assert len(masks) == ship_count
        assert min(mask.sum() for mask in masks) >= 8
        assert np.sum(masks, axis=0).max() == 1


def test_every_ship_group_occurs_and_few_ships_are_the_rule(demo: DemoData) -> None:
    groups = Counter(map(ship_group, demo.ship_counts.values()))
    assert set(groups) == set(SHIP_GROUPS)
    assert {group for group, _ in groups.most_common(2)} == {"0", "1-2"}
    assert groups["0"] + groups["1-2"] > len(demo.ship_counts) / 2


def test_scenes_have_several_tiles_and_all_sources(demo: DemoData) -> None:
    rows = [row for row in rows_of(demo.scenes) if row["ImageId"] in demo.ship_counts]
    sizes = Counter(row["SceneId"] for row in rows)
    assert len(sizes) == 28
    assert set(sizes.values()) == {TILES}
    assert {row["Source"] for row in rows} == set(SOURCES)
    kinds = defaultdict(set)
    for row in rows:
        kinds[row["SceneId"]].add(demo.ship_counts[row["ImageId"]] > 0)
    # Splits go by scene, so most scenes should feed both the ships and the empty split.
    assert sum(len(kind) == 2 for kind in kinds.values()) > 14


def test_ships_differ_from_the_water_around_them(full_size: DemoData) -> None:
    contrasts = []
    for row in rows_of(full_size.labels):
        mask = decode(row["EncodedPixels"], 768, 768).astype(bool)
        if mask.sum() < 100:
            continue
        picture = np.asarray(Image.open(full_size.images / row["ImageId"]).convert("L"), np.float32)
        rows, columns = np.nonzero(mask)
        near = np.zeros_like(mask)
        near[max(rows.min() - 8, 0) : rows.max() + 8, max(columns.min() - 8, 0) : columns.max() + 8] = True
        contrasts.append(abs(picture[mask].mean() - picture[near & ~mask].mean()))
    assert len(contrasts) > 5
    assert np.median(contrasts) > 20


def test_full_size_pictures_are_within_the_real_ranges(full_size: DemoData) -> None:
    # Ranges of the real Airbus tiles that we measured: luma mean 9-137, 50-480 KB.
    for name in full_size.ship_counts:
        file = full_size.images / name
        luma = np.asarray(Image.open(file).convert("L"), np.float32)
        assert luma.shape == (768, 768)
        assert 5 < luma.mean() < 150
        assert luma.std() > 1
        assert 45 < file.stat().st_size / 1024 < 480


@pytest.mark.parametrize("wrong", [{"scenes": 0}, {"size_px": 100}, {"size_px": 48}, {"tiles_per_scene": 10}])
def test_settings_that_do_not_fit_are_named(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        generate(tmp_path, **wrong)
    assert not any(tmp_path.iterdir())
