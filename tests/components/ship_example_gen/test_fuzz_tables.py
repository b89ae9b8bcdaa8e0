"""Any bytes given as a table are rows or an InputError, and any rows can be judged and reported."""

import contextlib
import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.ship_example_gen.ingestion import count_issues, write_issues
from components.ship_example_gen.labels import judge_rows, read_labels
from components.ship_example_gen.scenes import read_scenes
from components.ship_example_gen.settings import IngestionSettings

EDGE_PX = 12
IN_ONE_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_CELL = st.sampled_from(
    ["a.jpg", "b.png", "", " ", "1 2", "1 5 9 3", "1 2 2 2", "0 1", "145 1", "144 1", "x", "1 2 3", "-1 2",
     "\xe9", "\0", "\ufeff", "ImageId", '"', '""', "'", ";", "\t", "\n", "\r", "\r\n", "\x85", "\u2028",
     "9" * 30, "1 1 " * 40, "\U0010ffff"]
) | st.text(max_size=6)  # fmt: skip
_QUOTED = _CELL.map(lambda cell: '"' + cell.replace('"', '""') + '"')
_ROW = st.lists(_CELL | _QUOTED, max_size=4).map(",".join)
_HEADER = st.sampled_from(
    ["ImageId,EncodedPixels", "ImageId,SceneId", "ImageId,SceneId,Source", "EncodedPixels,ImageId,SceneId",
     '"ImageId","EncodedPixels"', " ImageId , EncodedPixels ", "ImageId;EncodedPixels", "ImageId,ImageId",
     "ImageId,SceneId,", "ImageId,SceneId,luma_mean", ""]
) | _ROW  # fmt: skip
_LINE_END = st.sampled_from(["\n", "\r\n", "\r"])
_TABLE = st.builds(
    lambda mark, header, rows, end: (mark + end.join([header, *rows])).encode(errors="replace"),
    st.sampled_from(["", "\ufeff"]),
    _HEADER,
    st.lists(_ROW, max_size=8),
    _LINE_END,
)
_DAMAGED = st.tuples(_TABLE, st.integers(0, 60), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
)


@IN_ONE_FOLDER
@given(content=st.binary(max_size=200) | _TABLE | _DAMAGED)
def test_any_bytes_are_a_table_or_an_input_error(tmp_path, content):
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    with contextlib.suppress(InputError):
        scenes = read_scenes(str(file))
        assert all(image_id and scene_id for image_id, scene_id in scenes.scene_ids.items())
        assert all(set(scenes.extras_of(image_id)) == set(scenes.extra_columns) for image_id in scenes.extras)
    with contextlib.suppress(InputError):
        _judge_all(read_labels(str(file)), tmp_path)


def _judge_all(table, folder: Path):
    """The whole way of label rows, from the table to the counts of the label report."""
    issues = []
    for image_id, rows in table.rows.items():
        assert image_id == image_id.strip() != ""
        assert all(row.line > 0 for row in rows)
        label = judge_rows(
            table.path, image_id, rows, size=(EDGE_PX, EDGE_PX), limits=IngestionSettings(), luma=None
        )
        assert label.ship_pixels <= EDGE_PX * EDGE_PX
        issues += label.issues
    issues += table.issues_without_image(list(table.rows)[::2])
    report = folder / "issues.csv"
    write_issues(issues, str(report))
    assert sum(count_issues(str(report)).values()) == len(issues)


@pytest.mark.parametrize("cell", ["9" * 200_000, '"' + "x\n" * 100_000, "1 2 " * 40_000])
def test_a_huge_field_is_refused_with_its_line(tmp_path, cell):
    file = tmp_path / "labels.csv"
    file.write_text(f"ImageId,EncodedPixels\na.jpg,{cell}\n")
    with pytest.raises(InputError, match=r"labels\.csv, line \d+: not readable as CSV"):
        read_labels(str(file))


def test_an_image_with_very_many_rows_can_be_reported(tmp_path):
    file = tmp_path / "labels.csv"
    with file.open("w", newline="") as table:
        csv.writer(table).writerows([("ImageId", "EncodedPixels"), *[("gone.jpg", "1 1")] * 30_000])
    issues = read_labels(str(file)).issues_without_image([])
    write_issues(issues, str(tmp_path / "issues.csv"))
    assert count_issues(str(tmp_path / "issues.csv")) == {"labels without image (ignored)": 1}
