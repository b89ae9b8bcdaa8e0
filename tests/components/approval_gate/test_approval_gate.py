"""The gate and TFX's Pusher on real files: an approval holds for exactly these."""

import shutil
from dataclasses import replace

import pytest
from google.protobuf import json_format
from tfx import v1 as tfx
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import standard_artifacts

from components.approval_gate.approvals import Record, append_approval
from components.approval_gate.component import Executor
from components.approval_gate.decision import DECISION_FILE, from_json
from components.baseline.model_store import versions
from components.evaluation.digests import folder_digest, subject_of
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST, Subject
from components.evaluation.verdict import VERDICT_FILE, Check, Verdict, to_json
from components.evaluation.verdict import from_json as from_verdict_json
from components.review_report.artifact import ModelReview
from components.review_report.marks import EMPTY
from components.review_report.settings import CARD_FILE, PAGE_FILE

REVIEW_FILES = (PAGE_FILE, CARD_FILE)


class Case:
    """A candidate with its evaluation, a table of approvals and a model store."""

    def __init__(self, folder):
        self.model, self.evaluation = folder / "model", folder / "evaluation"
        self.approvals, self.store = folder / "approvals.csv", folder / "store"
        self.review = folder / "review"
        self.review.mkdir()
        for name in REVIEW_FILES:
            (self.review / name).write_text(f"made before{EMPTY}", encoding="utf-8")
        serving = self.model / "Format-Serving"
        (serving / "variables").mkdir(parents=True)
        (serving / "saved_model.pb").write_bytes(b"graph")
        (serving / "variables" / "variables.data-00000-of-00001").write_bytes(bytes(100_000))
        self.evaluation.mkdir()
        (self.evaluation / "metrics-00000-of-00001.tfrecord").write_bytes(b"dice 0.7")
        self.judged("pass")
        self._blessings = folder / "blessings"

    def judged(self, outcome):
        check = Check("dice", "cascade", {}, "min", 0.4, outcome, holds=outcome != "pass", value=0.7)
        (self.evaluation / VERDICT_FILE).write_bytes(to_json(Verdict((check,))))
        self.noted = subject_of(str(self.model), str(self.evaluation))

    def says(self, action, **fields):
        subject = subject_of(str(self.model), str(self.evaluation))
        record = Record("2026-11-23", "anna", action, "run", subject.model, subject.evaluation)
        append_approval(self.approvals, replace(record, **fields))

    def gate(self, mode="manual"):
        """Runs gate and Pusher; the gate's decision."""
        model, evaluation = standard_artifacts.Model(), standard_artifacts.ModelEvaluation()
        blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
        review = ModelReview()
        review.uri = str(self.review)
        model.uri, evaluation.uri = str(self.model), str(self.evaluation)
        evaluation.set_string_custom_property(MODEL_DIGEST, self.noted.model)
        evaluation.set_string_custom_property(EVALUATION_DIGEST, self.noted.evaluation)
        number = len(list(self._blessings.glob("*")))
        blessing.uri, pushed.uri = str(self._blessings / str(number)), str(self.store.parent / "pushed")
        properties = {"mode": mode, "approvals": str(self.approvals), "store": str(self.store)}
        inputs = {"model": [model], "evaluation": [evaluation], "review": [review]}
        Executor().Do(inputs, {"blessing": [blessing]}, properties)
        destination = tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(self.store))
        )
        tfx_pusher.Executor().Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": json_format.MessageToJson(destination)},
        )
        self.blessing = self._blessings / str(number)
        decision = from_json((self.blessing / DECISION_FILE).read_bytes())
        assert blessing.get_string_custom_property("outcome") == decision.outcome
        return decision

    @property
    def pushed(self):
        return versions(str(self.store))


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def test_a_model_that_passes_is_pushed_once(case):
    assert case.gate("automatic").outcome == "push"
    (version,) = case.pushed
    again = case.gate("automatic")
    assert (again.outcome, again.version) == ("pushed before", str(version))
    assert case.pushed == [version]


def test_a_person_lets_it_through(case):
    assert case.gate().outcome == "waiting"
    assert case.pushed == []
    assert not any((case.blessing / name).exists() for name in REVIEW_FILES)
    case.says("approve", note="looks right")
    assert "looks right" in case.gate().reason
    assert len(case.pushed) == 1


def test_a_rejected_model_is_not_pushed_in_any_mode(case):
    case.says("reject")
    assert {case.gate(mode).outcome for mode in ("manual", "automatic")} == {"refused"}
    assert case.pushed == []


def _swap_weights(case):
    (case.model / "Format-Serving" / "variables" / "variables.data-00000-of-00001").write_bytes(bytes(99_999))


def _add_file(case):
    (case.model / "Format-Serving" / "variables" / "more").write_bytes(b"")


def _rename_file(case):
    variables = case.model / "Format-Serving" / "variables"
    (variables / "variables.data-00000-of-00001").rename(variables / "variables.data-00000-of-00002")


def _change_metrics(case):
    (case.evaluation / "metrics-00000-of-00001.tfrecord").write_bytes(b"dice 0.8")


def _change_verdict(case):
    file = case.evaluation / VERDICT_FILE
    file.write_bytes(file.read_bytes().replace(b"0.7", b"0.9"))


CHANGES = [_swap_weights, _add_file, _rename_file, _change_metrics, _change_verdict]


@pytest.mark.parametrize("change", CHANGES)
def test_an_approval_is_for_these_very_files(case, change):
    case.says("approve")
    change(case)
    case.noted = subject_of(str(case.model), str(case.evaluation))  # trained or evaluated anew
    assert case.gate().outcome == "waiting"
    assert case.pushed == []


@pytest.mark.parametrize("mode", ["manual", "automatic"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_after_the_evaluation_is_not_pushed_whatever_people_say(case, change, mode):
    change(case)
    assert case.gate(mode).outcome == "refused"
    case.says("approve", note="of the files as they are now")
    decision = case.gate(mode)
    assert decision.outcome == "refused"
    assert "not those that the evaluator saw" in decision.reason
    assert case.pushed == []


def test_a_verdict_that_was_turned_round_pushes_nothing(case):
    case.judged("fail")
    file = case.evaluation / VERDICT_FILE
    file.write_bytes(file.read_bytes().replace(b'"fail"', b'"pass"').replace(b"true", b"false"))
    assert from_verdict_json(file.read_bytes()).state == "passed"
    assert case.gate("automatic").outcome == "refused"
    assert case.pushed == []


def test_an_evaluation_that_does_not_say_what_it_is_of_pushes_nothing(case):
    case.noted = Subject("", "")
    assert case.gate("automatic").outcome == "refused"
    assert case.pushed == []


def test_pictures_beside_the_evaluation_and_where_it_lies_do_not_matter(case):
    case.says("approve")
    (case.evaluation / "overlays").mkdir()
    (case.evaluation / "overlays" / "metrics.png").write_bytes(b"png")
    moved = case.evaluation.with_name("moved")
    shutil.move(case.evaluation, moved)
    case.evaluation = moved
    assert case.gate().outcome == "push"


@pytest.mark.parametrize("mode", ["manual", "automatic"])
def test_a_tampered_table_pushes_nothing_and_names_the_line(case, mode):
    case.says("reject", note="ghost ships")
    case.says("approve", model="another")
    case.approvals.write_text(case.approvals.read_text().replace("reject", "approve", 1))
    decision = case.gate(mode)
    assert decision.outcome == "refused"
    assert "line 2" in decision.reason
    assert case.pushed == []


def test_a_model_that_fails_needs_an_override(case):
    case.judged("fail")
    case.says("approve")
    assert case.gate().outcome == "refused"
    case.says("approve", override="yes", note="the test set is wrong")
    decision = case.gate()
    assert (decision.outcome, decision.override) == ("push", True)
    assert "against the rules" in decision.reason
    for name in REVIEW_FILES:
        told = (case.blessing / name).read_text(encoding="utf-8")
        assert "Approved against the rules by anna" in told
        assert "the test set is wrong" in told
        assert "anna" not in (case.review / name).read_text(encoding="utf-8")


def test_the_digest_of_a_pushed_model_is_that_of_the_candidate(case):
    decision = case.gate("automatic")
    (version,) = case.pushed
    assert folder_digest(str(case.store / str(version))) == decision.subject.model
