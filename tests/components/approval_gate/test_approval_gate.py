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
from components.approval_gate.digests import folder_digest, subject_of
from components.baseline.model_store import versions
from components.evaluation.verdict import VERDICT_FILE, Check, Verdict, to_json


class Case:
    """A candidate with its evaluation, a table of approvals and a model store."""

    def __init__(self, folder):
        self.model, self.evaluation = folder / "model", folder / "evaluation"
        self.approvals, self.store = folder / "approvals.csv", folder / "store"
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

    def says(self, action, **fields):
        subject = subject_of(str(self.model), str(self.evaluation))
        record = Record("2026-11-23", "anna", action, "run", subject.model, subject.evaluation)
        append_approval(self.approvals, replace(record, **fields))

    def gate(self, mode="manual"):
        """Runs gate and Pusher; the gate's decision."""
        model, evaluation = standard_artifacts.Model(), standard_artifacts.ModelEvaluation()
        blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
        model.uri, evaluation.uri = str(self.model), str(self.evaluation)
        number = len(list(self._blessings.glob("*")))
        blessing.uri, pushed.uri = str(self._blessings / str(number)), str(self.store.parent / "pushed")
        properties = {"mode": mode, "approvals": str(self.approvals), "store": str(self.store)}
        Executor().Do({"model": [model], "evaluation": [evaluation]}, {"blessing": [blessing]}, properties)
        destination = tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(self.store))
        )
        tfx_pusher.Executor().Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": json_format.MessageToJson(destination)},
        )
        decision = from_json((self._blessings / str(number) / DECISION_FILE).read_bytes())
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


@pytest.mark.parametrize("change", [_swap_weights, _add_file, _rename_file, _change_metrics, _change_verdict])
def test_an_approval_is_for_these_very_files(case, change):
    case.says("approve")
    change(case)
    assert case.gate().outcome == "waiting"
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


def test_the_digest_of_a_pushed_model_is_that_of_the_candidate(case):
    decision = case.gate("automatic")
    (version,) = case.pushed
    assert folder_digest(str(case.store / str(version))) == decision.subject.model
