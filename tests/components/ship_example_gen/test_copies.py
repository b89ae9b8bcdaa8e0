"""A copy takes nothing out that could have been used."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.ship_example_gen import stored_lists
from components.ship_example_gen.copies import choose_originals
from components.ship_example_gen.fingerprints import Fingerprints
from components.ship_example_gen.ingestion import plan, record_order
from components.ship_example_gen.inputs import read_inputs
from components.ship_example_gen.labels import Issue
from components.ship_example_gen.measuring import Measure, Measured, measure_files
from components.ship_example_gen.overlaps import find_groups
from components.ship_example_gen.settings import IngestionSettings
from components.ship_example_gen.stored_lists import StoredLists


class Copies:
    """Three images, copies of the first one, and what the ingestion makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.images.mkdir()
        self.rows = {"b.png": ["1 9", "100 9"], "other.png": [""]}
        for name in (*self.rows, "unlabelled.png"):
            coarse = np.random.default_rng(len(name)).integers(20, 120, (32, 32, 3), np.uint8)
            cv2.imwrite(
                str(self.images / name), cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_CUBIC)
            )

    def add(self, name: str, *rows: str) -> None:
        """A copy of b.png: of its bytes, or compressed anew where the name ends differently."""
        if name.endswith(".png"):
            shutil.copy(self.images / "b.png", self.images / name)
        else:
            picture = cv2.imread(str(self.images / "b.png"))
            cv2.imwrite(str(self.images / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        self.rows[name] = list(rows)

    def ingest(self) -> tuple[dict[str, str], list[Issue]]:
        """Original of each copy, and the issues about copies."""
        table = self.folder / "labels.csv"
        rows = [f"{name},{row}" for name, of_image in self.rows.items() for row in of_image]
        table.write_text("\n".join(["ImageId,EncodedPixels", *rows]) + "\n")
        inputs, settings = read_inputs(str(self.images), str(table), ""), IngestionSettings()
        order = record_order(inputs)
        found = measure_files(Measure(str(table), settings), order, with_fingerprints=True)
        groups = find_groups(Fingerprints.of_records([record for record, _ in found], len(order)))
        known: StoredLists[Measured] = StoredLists(str(self.folder), "measured")
        known.write_all([measured for _, measured in found])
        groups, issues = choose_originals(groups, order, known, inputs.labels)
        planned = plan(inputs, settings, groups)
        return {image.listed.image_id: image.duplicate_of for image in planned if image.duplicate_of}, issues


@pytest.fixture
def copies(tmp_path, monkeypatch) -> Copies:
    monkeypatch.setattr(stored_lists, "_LISTED_TOGETHER", 2)
    return Copies(tmp_path)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((), id="no row"),
        pytest.param(("1 9", "100 9 7"), id="a row that is no mask"),
        pytest.param(("1 9", "100 9", "1000 200000"), id="a ship that covers land"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_copy_without_a_good_label_is_the_copy_whatever_its_name(copies, name, rows):
    copies.add(name, *rows)
    copies.add("c.png", "1 9", "100 9")
    originals, _ = copies.ingest()
    assert originals == {name: "b.png", "c.png": "b.png"}


def test_of_copies_that_are_as_good_the_first_by_name_is_used(copies):
    copies.add("a.png", "100 9", "1 9")
    assert copies.ingest() == ({"b.png": "a.png"}, [])


def test_a_copy_that_is_labelled_otherwise_is_told(copies):
    copies.add("a.png", "1 2 3")
    copies.add("c.png", "")
    copies.add("d.png", "1 9", "100 9")
    originals, issues = copies.ingest()
    assert originals == {"a.png": "b.png", "c.png": "b.png", "d.png": "b.png"}
    (issue,) = issues
    assert (issue.lines, issue.image_id, issue.reason, issue.action) == (
        "6", "c.png", "label unlike that of its original: b.png", "ignored",
    )  # fmt: skip


def test_items_are_picked_by_their_places(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_lists, "_LISTED_TOGETHER", 2)
    lists: StoredLists[str] = StoredLists(str(tmp_path), "letters")
    lists.write_all("abcdefg")
    # Lists without any of them are not read.
    (tmp_path / "letters-000001").unlink()
    assert list(lists.pick({6, 1, 4, 5})) == [(1, "b"), (4, "e"), (5, "f"), (6, "g")]
    assert list(lists.pick(())) == []
