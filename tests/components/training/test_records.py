from pathlib import Path

import numpy as np
from training_records import record, scene, write, write_scenes

from components.training.records import take_census


def test_kinds_are_told_apart_within_a_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mixed = [record(f"{number}", *scene(random, ships), ships) for number, ships in enumerate([0, 2, 0, 1])]
    census = take_census([*write(tmp_path / "a", mixed), *write_scenes(tmp_path / "b", [3])])
    assert census.ships == (b"1", b"3", b"b-0.jpg")
    assert census.empties == (b"0", b"2")
    for ships, image_ids in ((True, census.ships), (False, census.empties)):
        assert tuple(one["image_id"] for one in census.records(ships).as_numpy_iterator()) == image_ids


def test_files_of_the_other_kind_are_not_read(tmp_path: Path) -> None:
    patterns = [*write_scenes(tmp_path / "empty", [0, 0]), *write_scenes(tmp_path / "ships", [1, 2])]
    census = take_census(patterns)
    for file in (tmp_path / "empty").iterdir():
        file.write_bytes(b"no gzip file")
    assert len(list(census.records(ships=True))) == 2
