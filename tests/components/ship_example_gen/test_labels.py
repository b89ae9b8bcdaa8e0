"""Each rule of the table in `components.ship_example_gen.labels`."""

from pathlib import Path

import pytest

from components.ship_example_gen.labels import Label, LabelRow, judge_rows, read_labels

SIZE = 8


def judge(*encoded: str) -> Label:
    """Judges rows that begin in line 2 of a table."""
    rows = tuple(LabelRow(line, text) for line, text in enumerate(encoded, 2))
    return judge_rows("labels.csv", "a.jpg", rows, SIZE, SIZE)


def found(label: Label) -> list[tuple[str, str, str]]:
    return [(issue.lines, issue.reason, issue.action) for issue in label.issues]


def test_clean_ships_stay_as_written_and_in_order():
    label = judge("20 3", "1 2 9 2")
    assert label == Label(("20 3", "1 2 9 2"), 7, (), ())


def test_empty_row_is_an_image_without_ships():
    assert judge("") == Label((), 0, (), ())


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
    assert judge_rows("labels.csv", "c.jpg", labels.rows["c.jpg"], SIZE, SIZE).faults == (
        f"{too_few} (line 6)",
    )


def test_rows_of_absent_images_are_listed_once_an_image(tmp_path: Path):
    table = tmp_path / "labels.csv"
    table.write_text("ImageId,EncodedPixels\na.jpg,1 2\ngone.jpg,1 2\ngone.jpg,5 2\n,1 2\n")
    issues = read_labels(str(table)).issues_without_image({"a.jpg"})
    assert [(issue.lines, issue.image_id, issue.reason, issue.action) for issue in issues] == [
        ("5", "", "row without image id", "ignored"),
        ("3 4", "gone.jpg", "labels without image", "ignored"),
    ]
