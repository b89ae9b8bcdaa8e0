"""A root is a folder: addresses of object stores are refused by every command that takes one."""

import pytest
from typer.testing import CliRunner

from components.errors import InputError
from pipeline.cli import app

DATA = ["--images", "images", "--labels", "labels.csv"]


@pytest.mark.parametrize(
    "command",
    [
        ["runs"],
        ["review"],
        ["approve", "latest"],
        ["reject", "latest", "--note", "x"],
        ["approvals"],
        ["rollback", "--note", "x"],
        ["quarantine", "list"],
        ["run", *DATA],
        ["stats", *DATA],
        ["demo"],
        ["experiment", "smoke", *DATA],
        ["submit", *DATA, "--host", "http://localhost:1"],
    ],
)
@pytest.mark.parametrize("root", ["s3://bucket/runs", "gs://bucket"])
def test_an_address_is_refused_and_nothing_is_written(tmp_path, monkeypatch, command, root):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, [*command, "--root", root]).exception
    assert isinstance(error, InputError)
    assert f"--root {root}: expected a folder" in str(error)
    assert "mounted volume" in str(error)
    assert list(tmp_path.iterdir()) == []
