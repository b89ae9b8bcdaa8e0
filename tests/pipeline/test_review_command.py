"""ships review: finds, copies and refuses; making a page late is part of the slow tests."""

from pathlib import Path

import pytest
from run_records import Ledger
from typer.testing import CliRunner

from components.errors import InputError
from components.review_report.marks import EMPTY
from pipeline.cli import app
from pipeline.root import Root

RUN = "20261123-100000"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Root(tmp_path / "root"))


def review(ledger, *arguments):
    result = CliRunner().invoke(app, ["review", *arguments, "--root", str(ledger.root.path)])
    if result.exception is not None:
        raise result.exception
    return Path(result.output.strip())


def test_the_page_of_the_newest_or_a_named_run_is_found(ledger):
    for run in (RUN, "20261123-110000"):
        ledger.evaluated(run)
        ledger.reviewed(run, f"page of {run}")
    ledger.screened("20261123-120000")
    assert review(ledger).read_text() == "page of 20261123-110000"
    assert review(ledger, RUN).read_text() == f"page of {RUN}"


def test_a_copy_is_written_where_asked(ledger, tmp_path):
    ledger.evaluated(RUN)
    ledger.reviewed(RUN, "page")
    copy = tmp_path / "sent.html"
    assert review(ledger, "-o", str(copy)) == copy
    assert copy.read_text() == "page"
    with pytest.raises(InputError, match=r"--output .*cannot be written"):
        review(ledger, "-o", str(tmp_path / "no" / "folder.html"))


def test_a_copy_says_what_was_decided_by_now_unless_the_table_was_tampered_with(ledger, tmp_path):
    ledger.evaluated(RUN, "fail")
    blank = f"page{EMPTY}"
    page = ledger.reviewed(RUN, blank) / "index.html"
    approve = ["approve", RUN, "--override", "--note", "x", "--root", str(ledger.root.path)]
    assert CliRunner().invoke(app, approve).exit_code == 0
    page.write_text(blank, encoding="utf-8")  # as if the stage had made it anew since
    copy = tmp_path / "sent.html"
    review(ledger, "-o", str(copy))
    assert "Approved against the rules" in copy.read_text()
    table = ledger.root.approvals
    table.write_text(table.read_text().replace("approve", "reject", 1))
    result = CliRunner().invoke(app, ["review", "--root", str(ledger.root.path)])
    assert result.exit_code == 0
    assert "line 2" in result.output


def test_a_page_that_could_not_be_written_is_not_made(ledger):
    ledger.evaluated(RUN)
    (ledger.root.path / "runs").touch()
    with pytest.raises(InputError, match=r"runs/.*/review: the page cannot be written there"):
        review(ledger)


def test_without_an_evaluation_there_is_nothing_to_review(ledger):
    with pytest.raises(InputError, match="there is no run"):
        review(ledger)
    ledger.screened(RUN)
    with pytest.raises(InputError, match="no run has come as far"):
        review(ledger)
    with pytest.raises(InputError, match="nothing to decide on"):
        review(ledger, RUN)
