"""What is refused at the door, and what is told to the user."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.errors import InputError
from components.ship_example_gen.inputs import check_inputs, read_inputs


def refusal(data_set) -> str:
    with pytest.raises(InputError) as refused:
        check_inputs(*data_set.paths)
    return str(refused.value)


def test_good_input_passes_with_and_without_scenes(data_set):
    check_inputs(*data_set.paths)
    check_inputs(str(data_set.images), str(data_set.labels))


def test_scenes_and_extra_columns(data_set):
    scenes = read_inputs(*data_set.paths).scenes
    assert scenes.scene_of("image1.jpg") == "harbour"
    assert scenes.scene_of("image2.jpg") == "image2.jpg"
    assert scenes.extras_of("image2.jpg") == {"Source": "sen2ships"}
    assert scenes.extras_of("image4.jpg") == {"Source": ""}


def test_missing_folder(data_set):
    data_set.images.rename(data_set.images.with_name("elsewhere"))
    assert refusal(data_set).startswith(f"no such folder: {data_set.images}")


def test_file_in_place_of_the_folder(data_set):
    with pytest.raises(InputError, match="not a folder"):
        check_inputs(str(data_set.labels), str(data_set.labels))


def test_folder_without_images(data_set):
    for image in data_set.images.iterdir():
        image.rename(image.with_suffix(".txt"))
    (data_set.images / "deeper.jpg").mkdir()
    assert "no image in the folder" in refusal(data_set)


@pytest.mark.parametrize("table", ["labels", "scenes"])
def test_missing_table(data_set, table):
    getattr(data_set, table).unlink()
    assert refusal(data_set).startswith(f"no such table: {getattr(data_set, table)}")


def test_folder_in_place_of_a_table(data_set):
    with pytest.raises(InputError, match="cannot read the table"):
        check_inputs(str(data_set.images), str(data_set.images))


@pytest.mark.parametrize("table", ["https://example.org/labels.csv", "file:///data/labels.csv"])
def test_table_at_an_address_that_is_no_filesystem(data_set, table):
    for labels, scenes in ((table, ""), (str(data_set.labels), table)):
        with pytest.raises(InputError, match=rf"cannot read the table {table}: .* gs://, .*s3://"):
            check_inputs(str(data_set.images), labels, scenes)


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("ImageId,Mask", "no column EncodedPixels"),
        ("Id,EncodedPixels", "no column ImageId"),
        ("ImageId;EncodedPixels", "no column ImageId and no column EncodedPixels"),
        ("", "no column ImageId and no column EncodedPixels"),
    ],
)
def test_missing_label_column(data_set, header, missing):
    data_set.labels.write_text(f"{header}\nimage0.jpg,1 2\n")
    message = refusal(data_set)
    assert message.startswith(f"{data_set.labels}, line 1: {missing}")
    assert "ImageId,EncodedPixels" in message


def test_missing_scene_column(data_set):
    data_set.scenes.write_text("ImageId,Scene\n")
    assert f"{data_set.scenes}, line 1: no column SceneId" in refusal(data_set)


@pytest.mark.parametrize("column", ["height", "luma_mean", "image", "", "Sat\nName", "Sat\x00"])
def test_scene_column_with_the_name_of_a_feature_or_none_that_a_schema_can_hold(data_set, column):
    data_set.scenes.write_text(f'ImageId,SceneId,"{column}"\n')
    assert f"a column cannot be named {column!r}" in refusal(data_set)


def test_column_twice(data_set):
    data_set.labels.write_text("ImageId,EncodedPixels,EncodedPixels\n")
    assert "occurs twice" in refusal(data_set)


def test_table_that_is_no_text(data_set):
    data_set.labels.write_bytes(bytes(range(256)) * 20)
    assert "not UTF-8 text" in refusal(data_set)


def test_table_in_another_encoding_names_the_line(data_set):
    data_set.labels.write_bytes(
        "ImageId,EncodedPixels\nimage0.jpg,1 2\nBucht-Süd.jpg,1 2\n".encode("latin-1")
    )
    assert f"{data_set.labels}, line 3: not UTF-8 text" in refusal(data_set)


def test_quotation_mark_that_is_never_closed(data_set):
    data_set.labels.write_text('ImageId,EncodedPixels\nimage0.jpg,"1 2\n' + "image1.jpg,1 2\n" * 20_000)
    assert "not readable as CSV" in refusal(data_set)


def test_labels_of_other_images(data_set):
    data_set.labels.write_text("ImageId,EncodedPixels\nimage0,1 2\n")
    message = refusal(data_set)
    assert "no row names an image" in message
    assert "'image0'" in message
    assert "'image0.jpg'" in message


@pytest.mark.parametrize("rows", ["image0,harbour,airbus\nimage1,harbour,airbus\n", ""])
def test_scenes_of_other_images(data_set, rows):
    data_set.scenes.write_text(f"ImageId,SceneId,Source\n{rows}")
    message = refusal(data_set)
    assert message.startswith(f"{data_set.scenes}: no row names an image of {data_set.images}; ")
    assert ("its first id is 'image0'" if rows else "it has no rows") in message


def test_labels_without_rows(data_set):
    data_set.labels.write_text("ImageId,EncodedPixels\n")
    assert "it has no rows" in refusal(data_set)


def test_no_ship_at_all(data_set):
    data_set.labels.write_text("ImageId,EncodedPixels\nimage0.jpg,\nimage1.jpg,\nelsewhere.jpg,1 2\n")
    assert "has a ship" in refusal(data_set)


def test_the_check_imports_nothing_heavy():
    program = (
        "import sys, components.ship_example_gen.inputs\n"
        "print({'tensorflow', 'apache_beam', 'tfx', 'pandas'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[3]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"
