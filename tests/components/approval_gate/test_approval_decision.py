import pytest

from components.approval_gate.approvals import Record
from components.approval_gate.decision import decide, from_json, to_json
from components.evaluation.subject import Subject
from components.evaluation.verdict import Check, Verdict

SUBJECT = Subject("model", "evaluation")


def _verdict(outcome):
    return Verdict((Check("dice", "cascade", {}, "min", 0.4, outcome, holds=outcome != "pass"),))


PASSED, FAILED, UNDECIDED = map(_verdict, ("pass", "fail", "cannot be judged"))


def _say(action, model="model", evaluation="evaluation", override=""):
    return Record("2026-11-23", "anna", action, "run", model, evaluation, override)


APPROVE, REJECT, OVERRIDE = _say("approve"), _say("reject"), _say("approve", override="yes")
STALE, OTHER = _say("approve", evaluation="old"), _say("approve", model="other")
WITHDRAW = _say("rollback", evaluation="")


@pytest.mark.parametrize(
    ("verdict", "mode", "records", "outcome"),
    [
        (PASSED, "automatic", [], "push"),
        (PASSED, "manual", [], "waiting"),
        (PASSED, "manual", [APPROVE], "push"),
        (PASSED, "manual", [OTHER], "waiting"),
        (PASSED, "manual", [STALE], "waiting"),
        (PASSED, "manual", [APPROVE, REJECT], "refused"),
        (PASSED, "manual", [REJECT, APPROVE], "push"),
        (PASSED, "manual", [REJECT, STALE], "refused"),
        (PASSED, "automatic", [REJECT], "refused"),
        (PASSED, "automatic", [_say("reject", evaluation="old")], "refused"),
        (PASSED, "automatic", [_say("reject", model="other")], "push"),
        (PASSED, "manual", [APPROVE, WITHDRAW], "refused"),
        (PASSED, "automatic", [WITHDRAW], "refused"),
        (PASSED, "automatic", [WITHDRAW, APPROVE], "push"),
        (FAILED, "automatic", [], "refused"),
        (FAILED, "manual", [], "refused"),
        (FAILED, "manual", [APPROVE], "refused"),
        (FAILED, "manual", [OVERRIDE], "push"),
        (FAILED, "automatic", [OVERRIDE], "push"),
        (FAILED, "manual", [OVERRIDE, REJECT], "refused"),
        (FAILED, "manual", [_say("approve", evaluation="old", override="yes")], "refused"),
        (UNDECIDED, "automatic", [], "waiting"),
        (UNDECIDED, "automatic", [APPROVE], "push"),
        (UNDECIDED, "manual", [STALE], "waiting"),
    ],
)
def test_rules_and_people_together(verdict, mode, records, outcome):
    decision = decide(records, SUBJECT, verdict, mode)
    assert decision.outcome == outcome
    assert decision.override is (verdict is FAILED and outcome == "push")
    assert from_json(to_json(decision)) == decision


def test_an_override_and_a_stale_approval_are_told():
    assert "against the rules by anna" in decide([OVERRIDE], SUBJECT, FAILED, "manual").reason
    assert "another evaluation" in decide([STALE], SUBJECT, PASSED, "manual").reason


def test_a_model_that_the_store_has_is_not_pushed_again():
    assert decide([], SUBJECT, PASSED, "automatic", version="7").outcome == "pushed before"
    assert decide([APPROVE, WITHDRAW], SUBJECT, PASSED, "manual", version="7").outcome == "refused"
