"""A root that was copied or renamed: its runs are those that lie in it; nothing outside is touched."""

import io
import shutil

import pytest
from rich.console import Console
from run_records import Ledger
from typer.testing import CliRunner

from components.errors import InputError
from components.review_report.marks import EMPTY
from pipeline.cli import app
from pipeline.root import Root
from pipeline.run_command import Inputs, run_stages
from pipeline.runs import list_runs, settle
from pipeline.settings import load_settings

RUN = "20261123-100000"
PAGE = f"page{EMPTY}"


@pytest.fixture
def original(tmp_path):
    """With a screened and an evaluated run in it."""
    # A name that is that of the folder of artifacts, too.
    root = Root(tmp_path / "artifacts" / "original")
    ledger = Ledger(root)
    ledger.screened("20261123-090000", "a.jpg,train_ships,quarantined,luma_mean 3,1234\n")
    ledger.evaluated(RUN)
    ledger.reviewed(RUN, PAGE)
    return root


@pytest.fixture(params=["copied", "renamed"])
def moved(request, original, tmp_path):
    root = Root(tmp_path / "moved")
    (shutil.copytree if request.param == "copied" else shutil.move)(original.path, root.path)
    return root


def ships(root, *arguments):
    result = CliRunner().invoke(app, [*arguments, "--root", str(root.path)])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_decisions_are_about_what_lies_in_it(original, moved):
    page = moved.artifacts / RUN / "review" / "index.html"
    assert ships(moved, "review").strip() == str(page)
    assert "Approved" in ships(moved, "approve", "latest", "--note", "fine")
    assert "Approved" in page.read_text()
    if original.path.exists():
        assert (original.artifacts / RUN / "review" / "index.html").read_text() == PAGE
    assert "a.jpg" in ships(moved, "quarantine", "list")
    assert "Dropped 1 image" in ships(moved, "quarantine", "drop", "a.jpg")


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        (["review"], "evaluation"),
        (["approve", "latest"], "model"),
        (["reject", RUN, "--note", "x"], "evaluation"),
        (["quarantine", "list"], "quarantine"),
    ],
)
def test_what_was_left_behind_is_named(moved, command, gone):
    for folder in moved.artifacts.glob(f"*/{gone}"):
        shutil.rmtree(folder)
    with pytest.raises(InputError, match=rf"the output {gone} of .* is gone: .* {moved.path}/"):
        ships(moved, *command)
    assert not moved.approvals.exists()


def test_the_cache_gives_no_outputs_of_the_original(original, moved):
    def uris():
        return {artifact.uri for artifact in Ledger(moved).store.get_artifacts()}

    assert all(uri.startswith(str(original.path)) for uri in uris())
    told = settle(moved)
    assert told is not None
    assert told.startswith(str(original.path))
    assert all(uri.startswith(str(moved.path)) for uri in uris())
    assert settle(moved) is None
    assert [run.verdict for run in list_runs(moved)] == ["passed", None]


@pytest.mark.slow  # loads TFX
def test_a_run_says_that_its_root_was_moved_and_settles_it(original, moved, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels.csv").write_text("ImageId,EncodedPixels\na.jpg,1 3\n")
    inputs = Inputs(str(tmp_path / "images"), str(tmp_path / "labels.csv"))
    monkeypatch.setattr("pipeline.local.run_locally", lambda dag, run_id: None)

    def told():
        console = Console(file=io.StringIO())
        ended = {"until": "data", "then": lambda run_id, console: None, "verbose": True}
        run_stages(inputs, load_settings("demo"), moved, console, **ended)
        return console.file.getvalue()

    assert f"The root was moved or copied here (an artifact was {original.path}" in told()
    assert "moved" not in told().replace(str(moved.path), "")


def test_artifacts_behind_a_link_have_not_moved(original, tmp_path):
    disk = original.artifacts.rename(tmp_path / "another disk")
    original.artifacts.symlink_to(disk)
    assert settle(original) is None
    assert ships(original, "review").strip() == str(disk / RUN / "review" / "index.html")


def test_a_root_without_runs_is_settled(tmp_path):
    assert settle(Root(tmp_path)) is None
