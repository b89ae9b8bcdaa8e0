"""The table of flagged images comes back as it was written."""

from components.image_screener.flagged import Flagged, read_flagged, table_of_flagged

ROWS = [
    Flagged("b.jpg", "eval_empty", "dropped", "dropped by Ada: blurred; no ship", "00"),
    Flagged(
        'n\udce4chtlich, "b".jpg', "train_ships", "stop", "a; b", "01", ("height", "luma_mean"), ("height",)
    ),
]


def test_rows_come_back_by_split_and_name():
    content = table_of_flagged(reversed(ROWS))
    assert content.startswith(b"image_id,split,outcome,reasons,sha1,features,stopping\n")
    assert list(read_flagged(content)) == ROWS


def test_a_dropped_image_counts_as_such():
    assert [row.causes for row in ROWS] == [("dropped",), ("height", "luma_mean")]


def test_a_table_of_an_older_version_is_read():
    content = b"image_id,split,outcome,reasons,sha1\na.jpg,test_ships,warned,height 9,02\n"
    assert list(read_flagged(content)) == [
        Flagged("a.jpg", "test_ships", "warned", "height 9", "02", ("height",))
    ]
