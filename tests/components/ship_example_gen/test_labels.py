"""Each rule of the table in `components.ship_example_gen.labels`."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.masks.rle import encode
from components.ship_example_gen import labels
from components.ship_example_gen.labels import Label, LabelRow, judge_rows, read_labels
from components.ship_example_gen.settings import ShipLimits

SIZE = 8
ANY_SIZE = ShipLimits(min_ship_px=1, max_ship_share=1)


def judge(*encoded: str) -> Label:
    """Judges rows that begin in line 2 of a table."""
    rows = tuple(LabelRow(line, text) for line, text in enumerate(encoded, 2))
    return judge_rows("labels.csv", "a.jpg", rows, size=(SIZE, SIZE), limits=ANY_SIZE)


def found(label: Label) -> list[tuple[str, str, str]]:
    return [(issue.lines, issue.reason, issue.action) for issue in label.issues]


def test_clean_ships_stay_as_written_and_in_order():
    label = judge("20 3", "1 2 9 2")
    assert label == Label(("20 3", "1 2 9 2"), 7, (), (), ())


def test_empty_row_is_an_image_without_ships():
    assert judge("") == Label((), 0, (), (), ())


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("1 2 3", "odd number of values: 3"),
        ("1 x", "not a whole number: 'x'"),
        ("0 1", "start below 1: 0"),
        ("-4 1", "start below 1: -4"),
        ("4 0", "length below 1: 0"),
        ("64 2", "run beyond the image: 64 2 in 8 x 8 px"),
        ("1 4 3 4", "runs overlap or are not in order: 3 4"),
    ],
)
def test_faulty_row_quarantines_the_image_and_keeps_its_good_rows(encoded: str, reason: str):
    label = judge("20 3", encoded)
    assert label.ships == ("20 3",)
    assert label.faults == (f"{reason} (line 3)",)
    assert found(label) == [("3", reason, "quarantined")]


def test_image_without_row_is_quarantined():
    label = judge()
    assert (label.ships, label.faults) == ((), ("no label row",))
    assert found(label) == [("", "no label row", "quarantined")]


def test_shared_pixels_belong_to_the_first_ship():
    label = judge("1 4", "3 4", "20 1")
    assert (label.ships, label.ship_pixels, label.faults) == (("1 4", "5 2", "20 1"), 7, ())
    assert found(label) == [("2 3", "ships overlap", "repaired")]


def test_ship_is_split_where_it_passes_under_two_earlier_ones():
    label = judge("3 2", "7 2", "1 10")
    assert label.ships == ("3 2", "7 2", "1 2 5 2 9 2")
    assert found(label) == [("2 3 4", "ships overlap", "repaired")]


@pytest.mark.parametrize("compared_together", [1, 60, 1 << 20])
def test_the_lines_of_all_earlier_ships_are_told_and_of_very_many_how_many(monkeypatch, compared_together):
    monkeypatch.setattr(labels, "_COMPARED_TOGETHER", compared_together)
    label = judge(*(f"{start} 40" for start in range(1, 24)))
    assert label.ships == ("1 40", *(f"{start + 39} 1" for start in range(2, 24)))
    first = [str(line) for line in range(2, 22)]
    assert [lines for lines, *_ in found(label)] == [
        *(" ".join(map(str, range(2, last + 1))) for last in range(3, 22)),
        *(f"{' '.join(first)} ({more} more)" for more in (1, 2, 3)),
    ]


def test_thousands_of_ships_that_overlap_take_seconds():
    # Each shares pixels with some eighty before it.
    starts = [1 + 7 * number for number in range(4000)]
    rows = tuple(LabelRow(start, " ".join(f"{start + 768 * k} 20" for k in range(15))) for start in starts)
    started = time.monotonic()
    label = judge_rows("labels.csv", "a.jpg", rows, size=(768, 768), limits=ANY_SIZE)
    assert len(label.issues) == 3999
    # Alone on a core it takes 1.1 s; each with each, one by one, 29.
    assert time.monotonic() - started < 12


def test_ship_of_which_nothing_is_left_is_dropped():
    label = judge("1 6", "2 3")
    assert (label.ships, label.ship_pixels, label.faults) == (("1 6",), 6, ())
    assert found(label) == [("2 3", "ships overlap: nothing left of the second", "repaired")]


def test_identical_rows_count_once():
    label = judge("1 6", "1 6", "1 6")
    assert (label.ships, label.faults) == (("1 6",), ())
    assert found(label) == [("2 3", "identical rows", "repaired"), ("2 4", "identical rows", "repaired")]


def test_ship_rows_count_beside_an_empty_row():
    label = judge("", "1 6")
    assert (label.ships, label.faults) == (("1 6",), ())
    assert found(label) == [("2", "empty row beside ship rows", "repaired")]


def test_blanks_and_leading_zeros_are_written_anew():
    assert judge("01  2\t9 1").ships == ("1 2 9 1",)


def test_rows_are_grouped_with_their_lines(tmp_path: Path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "EncodedPixels,ImageId,Note\n1 2,a.jpg,x\n\n,b.jpg,x\n"
        "3 4, a.jpg ,x\n5 6,c.jpg\n7 8,,x\n9,a.jpg,x,y\n",
        encoding="utf-8-sig",
    )
    labels = read_labels(str(table))
    too_many = "wrong number of columns: 4 instead of 3"
    too_few = "wrong number of columns: 2 instead of 3"
    assert labels.rows == {
        "a.jpg": (LabelRow(2, "1 2"), LabelRow(5, "3 4"), LabelRow(8, "", too_many)),
        "b.jpg": (LabelRow(4, ""),),
        "c.jpg": (LabelRow(6, "", too_few),),
    }
    assert labels.nameless == (7,)
    assert judge_rows(
        "labels.csv", "c.jpg", labels.rows["c.jpg"], size=(SIZE, SIZE), limits=ANY_SIZE
    ).faults == (f"{too_few} (line 6)",)


def test_rows_of_absent_images_are_listed_once_an_image(tmp_path: Path):
    table = tmp_path / "labels.csv"
    table.write_text("ImageId,EncodedPixels\na.jpg,1 2\ngone.jpg,1 2\ngone.jpg,5 2\n,1 2\n")
    issues = read_labels(str(table)).issues_without_image({"a.jpg"})
    assert [(issue.lines, issue.image_id, issue.reason, issue.action) for issue in issues] == [
        ("5", "", "row without image id", "ignored"),
        ("3 4", "gone.jpg", "labels without image", "ignored"),
    ]


TILE_PX = 96


def doubt(*masks: np.ndarray, rgb: np.ndarray | None = None, **limits: float) -> Label:
    """Judges masks of 96 x 96 px as they would stand in a table from line 2 on."""
    rows = tuple(LabelRow(line, encode(mask)) for line, mask in enumerate(masks, 2))
    luma = None if rgb is None else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return judge_rows(
        "labels.csv", "a.jpg", rows, size=(TILE_PX, TILE_PX), limits=ShipLimits(**limits), luma=luma
    )


def mask(top: int, left: int, height: int, width: int) -> np.ndarray:
    drawn = np.zeros((TILE_PX, TILE_PX), np.uint8)
    drawn[top : top + height, left : left + width] = 1
    return drawn


def sea() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 60, (TILE_PX, TILE_PX, 3), np.uint8)


def test_speck_beside_a_ship_is_dropped():
    label = doubt(mask(5, 5, 4, 9), mask(50, 50, 1, 3))
    assert (len(label.ships), label.ship_pixels, label.doubts) == (1, 36, ())
    assert found(label) == [("3", "speck: 3 px", "repaired")]


def test_nothing_but_specks_is_kept_and_doubted():
    label = doubt(mask(50, 50, 1, 3))
    assert (len(label.ships), label.doubts) == (1, ("speck: 3 px (line 2)",))
    assert found(label) == [("2", "speck: 3 px", "doubted")]


def test_ship_larger_than_any_is_doubted_not_dropped():
    label = doubt(mask(0, 0, 20, 20), mask(40, 40, 5, 5), max_ship_px=399)
    assert (len(label.ships), label.faults) == (2, ())
    assert label.doubts == ("larger than any known ship: 400 px (line 2)",)


def test_ships_that_cover_land_are_doubted_together():
    label = doubt(mask(0, 0, 40, 40), mask(50, 0, 40, 40), max_ship_share=0.3)
    assert found(label) == [("2 3", "ships cover land: 35% of the image", "doubted")]


@pytest.mark.parametrize("at", [(30, 30), (0, 0), (90, 88)])
def test_ship_on_one_colour_is_doubted(at: tuple[int, int]):
    rgb = sea()
    rgb[:, :] = 7
    rgb[::9, ::7] += 2
    assert doubt(mask(*at, 5, 8), rgb=rgb).doubts == ("ship on pixels of one brightness (line 2)",)
    assert doubt(mask(*at, 5, 8), rgb=sea()).doubts == ()


def test_one_bright_pixel_beside_the_mask_lifts_the_doubt_only_within_the_margin():
    rgb = np.full((TILE_PX, TILE_PX, 3), 7, np.uint8)
    rgb[30, 48] = 40
    assert doubt(mask(30, 30, 5, 10), rgb=rgb).doubts != ()  # 9 px right of the box
    assert doubt(mask(30, 31, 5, 10), rgb=rgb).doubts == ()  # 8 px
    assert doubt(mask(0, 30, TILE_PX, 11), rgb=rgb).doubts == ()  # full columns: runs that go on
