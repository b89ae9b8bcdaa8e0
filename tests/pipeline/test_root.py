"""A root is a folder to read and write: what is none is refused by every command that takes one."""

import pytest
from run_records import Ledger
from typer.testing import CliRunner

from components.errors import InputError
from pipeline.cli import app
from pipeline.root import Root

DATA = ["--images", "images", "--labels", "labels.csv"]
RUN = "20261123-100000"


def told(root, *command):
    """What is told of an error that the user can act on."""
    error = CliRunner().invoke(app, [*command, "--root", str(root)]).exception
    assert isinstance(error, InputError)
    return str(error)


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
    error = told(root, *command)
    assert f"--root {root}: expected a folder" in error
    assert "mounted volume" in error
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(Root(tmp_path / "root"))
    ledger.screened(RUN, "a.jpg,train_ships,quarantined,luma_mean 3,1234\n")
    ledger.evaluated("20261123-110000")
    return ledger


# Folders where files should be stand for files that this user may not open: as root one may open all.
def test_tables_of_decisions_that_cannot_be_opened_are_named(ledger):
    root = ledger.root
    root.approvals.mkdir()
    root.decisions.mkdir()
    assert told(root.path, "approve", "latest") == f"{root.approvals}: cannot be written: Is a directory"
    assert told(root.path, "approvals") == f"{root.approvals}: cannot be read: Is a directory"
    assert told(root.path, "runs") == f"{root.approvals}: cannot be read: Is a directory"
    drop = told(root.path, "quarantine", "drop", "a.jpg")
    assert drop == f"{root.decisions}: cannot be written: Is a directory"
    assert told(root.path, "quarantine", "list") == f"{root.decisions}: cannot be read: Is a directory"
    (root.artifacts / RUN / "quarantine" / "quarantine.csv").unlink()
    assert "quarantine.csv: cannot be read" in told(root.path, "quarantine", "list")


@pytest.mark.parametrize("command", [["runs"], ["review"], ["approve", "latest"], ["quarantine", "list"]])
def test_a_file_that_is_no_database_is_named(tmp_path, command):
    (tmp_path / "metadata.sqlite").write_text("no database, whatever its name says")
    assert f"{tmp_path}/metadata.sqlite: cannot be read as ML Metadata" in told(tmp_path, *command)
    (tmp_path / "metadata.sqlite").unlink()
    (tmp_path / "metadata.sqlite").mkdir()
    assert f"{tmp_path}/metadata.sqlite: cannot be read: Is a directory" in told(tmp_path, *command)


def test_a_file_is_no_root(tmp_path):
    file = tmp_path / "root"
    file.touch()
    assert "cannot be read: Not a directory" in told(file, "approvals")
    assert "there is no run" in told(file, "runs")
    assert "no such folder" in told(file, "rollback", "--note", "x")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,1 3\n")
    data = ["--images", str(tmp_path), "--labels", str(tmp_path / "labels.csv")]
    assert "cannot write there: File exists" in told(file, "experiment", "smoke", *data)


def test_only_a_run_uses_a_root_and_asking_writes_nothing(tmp_path):
    root = Root(tmp_path / "root")
    assert not root.is_in_use()
    assert not root.path.exists()
    with root.locked():
        assert root.is_in_use()
        with pytest.raises(InputError, match="another run"), root.locked():
            pass
    assert not root.is_in_use()
    (tmp_path / "file").touch()
    assert not Root(tmp_path / "file").is_in_use()
