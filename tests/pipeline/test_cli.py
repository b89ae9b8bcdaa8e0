"""The command as a process: exit codes and messages for what cannot be used."""

import os
import subprocess
import sys
import time

import pytest
import typer

from pipeline.cli import app

HEADER = "ImageId,EncodedPixels\n"


def _ships(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *map(str, arguments)],
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def data(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels.csv").write_text(HEADER + "a.jpg,1 3\n", encoding="utf-8")
    return tmp_path


def test_help_needs_neither_tensorflow_nor_tfx():
    script = "import sys, pipeline.cli; print({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["demo"],
        ["runs"],
        ["settings"],
        ["compile"],
        ["scenes"],
        ["screen"],
        ["approve"],
        ["rollback"],
        ["serve"],
        ["predict"],
    ],
)
def test_help_teaches(command):
    result = _ships(*command, "--help")
    assert result.returncode == 0
    assert "Usage: " in result.stdout


def test_help_loses_no_word_to_markdown():
    def texts(command):
        yield command.help or ""
        yield from (parameter.help or "" for parameter in command.params if hasattr(parameter, "help"))
        for inner in getattr(command, "commands", {}).values():
            yield from texts(inner)

    # What stands in angle brackets is taken for HTML and left out.
    assert [text for text in texts(typer.main.get_command(app)) if "<" in text] == []
    assert "ROOT/models" in _ships("predict", "--help").stdout


def _no_folder(data):
    return {"--images": data / "nothing"}


def _empty_folder(data):
    (data / "empty").mkdir()
    return {"--images": data / "empty"}


def _missing_column(data):
    (data / "labels.csv").write_text("ImageId,Pixels\na.jpg,1 3\n", encoding="utf-8")
    return {}


def _no_ship_at_all(data):
    (data / "labels.csv").write_text(HEADER + "a.jpg,\n", encoding="utf-8")
    return {}


def _binary_labels(data):
    (data / "labels.csv").write_bytes(bytes(range(256)) * 4)
    return {}


def _no_labels(data):
    return {"--labels": data / "nothing.csv"}


def _unknown_setting(data):
    return {"--set": "segmenter.los=bce"}


def _unknown_profile(data):
    return {"--profile": "nothing"}


def _root_on_this_machine_for_dataflow(data):
    profile = data / "dataflow.yaml"
    options = "{runner: dataflow, project: p, region: r, temp_location: 'gs://t', worker_image: i}"
    profile.write_text(f"beam: {options}\n", encoding="utf-8")
    return {"--profile": profile}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_no_folder, "nothing"),
        (_empty_folder, "empty"),
        (_missing_column, "EncodedPixels"),
        (_no_ship_at_all, "no image"),
        (_binary_labels, "labels.csv"),
        (_no_labels, "nothing.csv"),
        (_unknown_setting, "segmenter.loss"),
        (_unknown_profile, "default"),
        (_root_on_this_machine_for_dataflow, "kubeflow.pipeline_root=gs://"),
    ],
)
def test_what_cannot_be_used_ends_at_once_with_code_2(data, fault, told):
    options = {"--images": data / "images", "--labels": data / "labels.csv", "--root": data / "root"}
    options.update(fault(data))
    started = time.monotonic()
    result = _ships("run", *(part for option in options.items() for part in option))
    assert time.monotonic() - started < 20
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_root_in_use_is_refused(data):
    from pipeline.root import Root

    with Root(data / "root").locked():
        result = _ships(
            "run", "--images", data / "images", "--labels", data / "labels.csv", "--root", data / "root"
        )
    assert result.returncode == 2
    assert "another run" in result.stderr


def test_a_root_in_an_object_store_ends_at_once_with_code_2(tmp_path):
    result = _ships("approve", "latest", "--root", "s3://bucket/runs")
    assert result.returncode == 2
    assert "--root s3://bucket/runs: expected a folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_listing_runs_of_an_empty_root_says_what_to_do(tmp_path):
    result = _ships("runs", "--root", tmp_path)
    assert result.returncode == 2
    assert "ships run" in result.stderr
