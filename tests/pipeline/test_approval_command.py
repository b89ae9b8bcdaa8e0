"""ships approve, reject, approvals, rollback and what ships runs shows of them."""

import getpass
import io
import re
import shutil
from dataclasses import astuple

import pytest
from rich.console import Console
from run_records import Ledger
from typer.testing import CliRunner

from components.approval_gate.approvals import read_approvals
from components.approval_gate.decision import decide, to_json
from components.baseline.model_store import latest_version, versions
from components.errors import InputError
from components.evaluation.digests import subject_of
from components.evaluation.subject import Subject
from components.evaluation.verdict import Check, Verdict
from components.review_report.marks import EMPTY
from pipeline.approval_command import list_approvals
from pipeline.cli import app
from pipeline.root import Root

RUN = "20261123-100000"


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path / "root")


@pytest.fixture
def ledger(root):
    return Ledger(root)


def ships(root, *arguments):
    """What the command told; raises what it raises."""
    result = CliRunner().invoke(app, [*arguments, "--root", str(root.path)])
    if result.exception is not None:
        raise result.exception
    return result.output


def refused(root, *arguments):
    with pytest.raises(InputError) as error:
        ships(root, *arguments)
    return str(error.value)


@pytest.mark.parametrize("name", [RUN, "latest"])
def test_an_approval_says_who_when_why_and_for_which_files(root, ledger, name):
    ledger.evaluated(RUN)
    ledger.screened("20261123-110000")
    assert "again pushes it" in ships(root, "approve", name, "--note", "looked at all slices")
    (record,) = read_approvals(root.approvals)
    folder = root.artifacts / RUN
    subject = subject_of(str(folder / "model"), str(folder / "evaluation"))
    assert (record.model, record.evaluation) == (subject.model, subject.evaluation)
    assert (record.run, record.action, record.override) == (RUN, "approve", "")
    assert (record.by, record.note) == (getpass.getuser(), "looked at all slices")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", record.when)


def test_a_model_that_fails_needs_override_and_note_and_is_marked(root, ledger):
    ledger.evaluated(RUN, "fail")
    told = refused(root, "approve", RUN, "--note", "fine")
    assert "cascade dice on all test images: 0.300, at least 0.4: fail" in told
    assert "--override" in told
    assert "--note" in refused(root, "approve", RUN, "--override", "--note", "  ")
    assert not root.approvals.exists()
    assert "against the rules" in ships(root, "approve", RUN, "--override", "--note", "labels are wrong")
    assert "AGAINST THE RULES" in ships(root, "approvals")
    folder = root.artifacts / RUN
    ledger.gated(RUN, subject_of(str(folder / "model"), str(folder / "evaluation")), "push", "1795")
    (row,) = (line for line in ships(root, "runs").splitlines() if RUN in line)
    assert row.split()[-5:] == ["failed", "OVERRIDE", "by", getpass.getuser(), "1795"]


def test_page_and_model_card_say_what_was_decided(root, ledger):
    blank = f"top{EMPTY}end"
    serving = ledger.evaluated(RUN, "fail")
    folder = ledger.reviewed(RUN, blank)
    texts = [folder / name for name in ("index.html", "model_card.md")]
    ledger.evaluated("20261123-110000", weights=b"another model")
    other = ledger.reviewed("20261123-110000", blank) / "index.html"

    def told():
        return [text.read_text(encoding="utf-8") for text in texts]

    ships(root, "approve", RUN, "--override", "--note", "labels <are> wrong")
    for text in told():
        assert f"Approved against the rules by {getpass.getuser()}" in text
        assert "labels &lt;are&gt; wrong" in text
    ships(root, "reject", RUN, "--note", "looked again")
    for text in told():
        assert "Rejected by" in text
        assert "against the rules" not in text
    (root.model_store / "1").mkdir(parents=True)
    (root.model_store / "1" / "saved_model.pb").write_bytes(b"older")
    shutil.copytree(serving, root.model_store / "2")
    ships(root, "approve", RUN, "--override", "--note", "on second thoughts")
    ships(root, "rollback", "--note", "ghosts")
    assert all("Withdrawn in favour of version 1 by" in text for text in told())
    assert other.read_text(encoding="utf-8") == blank


def test_there_is_nothing_to_override_where_no_rule_is_broken(root, ledger):
    ledger.evaluated(RUN)
    assert "leave --override out" in refused(root, "approve", RUN, "--override", "--note", "x")


def test_what_the_rules_cannot_judge_is_approved_with_a_note(root, ledger):
    ledger.evaluated(RUN, "cannot be judged")
    assert "--note" in refused(root, "approve", RUN)
    ships(root, "approve", RUN, "--note", "few images, all fine")
    assert read_approvals(root.approvals)[0].override == ""


def test_a_rejection_needs_a_reason_and_is_listed(root, ledger):
    ledger.evaluated(RUN)
    assert "--note" in refused(root, "reject", RUN, "--note", "")
    ships(root, "reject", RUN, "--note", "ghosts at the quay")
    # No terminal, so that nothing is cut or folded.
    (row,) = (line for line in ships(root, "approvals").splitlines() if RUN in line)
    assert row.endswith("ghosts at the quay")
    assert "reject" in row


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_of_any_width_shows_the_whole_table_of_approvals(root, ledger, width):
    ledger.evaluated(RUN, "fail")
    ships(root, "approve", RUN, "--override", "--note", "labels of scene 12 are wrong")
    (record,) = read_approvals(root.approvals)
    told = Console(file=io.StringIO(), width=width, record=True)
    list_approvals(root, told)
    lines = told.export_text().splitlines()
    assert max(map(len, lines)) <= width
    for cell in (RUN, record.model[:12], record.evaluation[:12]):
        assert any(cell in line.split() for line in lines)
    for words in (record.when, record.by, "approve AGAINST THE RULES", record.note):
        assert all(any(word in line.split() for line in lines) for word in words.split())


@pytest.mark.parametrize(
    ("run_id", "told"),
    [("20200101-000000", RUN), (RUN, "has no evaluation"), ("latest", "no run has come as far")],
)
def test_a_run_that_cannot_be_decided_on(root, ledger, run_id, told):
    ledger.screened(RUN)
    assert told in refused(root, "approve", run_id)


def test_without_any_run_or_approval_the_next_command_is_named(root):
    assert "ships run" in refused(root, "approve", "latest")
    assert "nothing was approved" in refused(root, "approvals")


def test_a_run_elsewhere_is_decided_on_by_the_decision_of_its_gate(root, tmp_path):
    file = tmp_path / "1234-abcd.json"
    subject = Subject("m" * 64, "e" * 64)

    def gate(*checks):
        decision = decide(read_approvals(root.approvals), subject, Verdict(checks), "manual")
        file.write_bytes(to_json(decision))
        return decision.outcome

    assert gate(Check("dice", "cascade", {}, "min", 0.4, "pass", holds=False)) == "waiting"
    root.path.mkdir()
    assert "`ships submit` command again pushes it" in ships(root, "approve", str(file))
    (record,) = read_approvals(root.approvals)
    assert (record.run, record.model, record.evaluation) == ("1234-abcd", *astuple(subject))
    assert gate(Check("dice", "cascade", {}, "min", 0.4, "pass", holds=False)) == "push"
    assert "no run will push" in ships(root, "reject", str(file), "--note", "ghost ships")
    assert gate(Check("dice", "cascade", {}, "min", 0.4, "fail", holds=True)) == "refused"
    assert "--override --note" in refused(root, "approve", str(file), "--note", "fine")
    ships(root, "approve", str(file), "--override", "--note", "demo only")
    assert gate(Check("dice", "cascade", {}, "min", 0.4, "fail", holds=True)) == "push"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("{}", "is no decision.json"),
        (
            '{"outcome": "waiting", "reason": "", "subject": {"model": "m", "evaluation": "e"}}',
            "earlier version",
        ),
    ],
)
def test_files_that_are_no_decision(root, tmp_path, content, told):
    file = tmp_path / "1234.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert told in refused(root, "approve", str(file), "--note", "fine")


def test_files_that_changed_since_the_run_cannot_be_approved(root, ledger):
    serving = ledger.evaluated(RUN)
    (serving / "weights").write_bytes(b"others")
    assert "the files of the model" in refused(root, "approve", RUN)
    (serving / "weights").write_bytes(b"weights")
    # A verdict that was turned round, and a gate that saw it so.
    folder = root.artifacts / RUN
    verdict = folder / "evaluation" / "verdict.json"
    verdict.write_bytes(verdict.read_bytes().replace(b'"pass"', b'"fail"'))
    ledger.gated(RUN, subject_of(str(folder / "model"), str(folder / "evaluation")), "refused")
    assert "the files of the evaluation" in refused(root, "approve", RUN, "--override", "--note", "x")
    assert not root.approvals.exists()


def test_runs_show_verdict_and_present_word(root, ledger):
    ledger.evaluated(RUN)
    folder = root.artifacts / RUN
    subject = subject_of(str(folder / "model"), str(folder / "evaluation"))
    ledger.gated(RUN, subject, "waiting")
    assert re.search(rf"{RUN} .*passed +waits", ships(root, "runs"))
    ships(root, "approve", RUN)
    assert re.search(rf"passed +approved by {getpass.getuser()}", ships(root, "runs"))
    root.approvals.write_text(root.approvals.read_text().replace("approve", "reject", 1), encoding="utf-8")
    assert "line 2" in refused(root, "runs")
    assert "line 2" in refused(root, "reject", RUN, "--note", "x")


def _push(root, *names):
    for name in names:
        folder = root.model_store / str(name)
        folder.mkdir(parents=True)
        (folder / "weights").write_text(f"model {name}", encoding="utf-8")
        (folder / "saved_model.pb").write_text("graph", encoding="utf-8")


def _newest(root):
    with open(f"{latest_version(str(root.model_store))}/weights", encoding="utf-8") as file:  # noqa: PTH123
        return file.read()


def test_a_rollback_makes_the_previous_version_the_newest_and_can_go_on(root):
    _push(root, 1, 2, 3)
    assert "Version 2 is the newest again" in ships(root, "rollback", "--note", "3 sees ghosts")
    assert _newest(root) == "model 2"
    ships(root, "rollback", "--note", "2 does so too")
    assert _newest(root) == "model 1"
    assert "no version before 1" in refused(root, "rollback", "--note", "on and on")
    records = read_approvals(root.approvals)
    assert [record.restored for record in records] == ["2", "1"]
    assert [record.version for record in records] == [
        str(each) for each in versions(str(root.model_store))[3:]
    ]
    assert "2 as" in ships(root, "approvals")


def test_a_rollback_to_a_version(root):
    _push(root, 1, 2, 3)
    ships(root, "rollback", "--to", "1", "--note", "the best so far")
    assert _newest(root) == "model 1"
    assert "1, 2, 3" in refused(root, "rollback", "--to", "7", "--note", "x")
    newest = versions(str(root.model_store))[-1]
    assert "newest version already" in refused(root, "rollback", "--to", str(newest), "--note", "x")
    assert "same model" in refused(root, "rollback", "--to", "1", "--note", "x")


def test_a_rollback_needs_a_store_a_note_and_a_free_root(root):
    assert "nothing was pushed" in refused(root, "rollback", "--note", "x")
    assert not root.path.exists()
    _push(root, 1, 2)
    assert "--note" in refused(root, "rollback", "--note", " ")
    with root.locked():
        assert "another run" in refused(root, "rollback", "--note", "x")
    assert versions(str(root.model_store)) == [1, 2]
