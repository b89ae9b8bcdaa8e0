"""Whether a model may be pushed, and why. Imports no TensorFlow."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from components.approval_gate.approvals import Record
from components.evaluation.subject import Subject
from components.evaluation.verdict import State, Verdict

DECISION_FILE = "decision.json"
# Custom properties of the blessing, so that runs can be listed without its files.
OUTCOME, VERSION = "outcome", "version"

_CHANGED = (
    "the files of the {} are not those that the evaluator saw; put them back, or have it evaluated anew"
)

Outcome = Literal["push", "pushed before", "waiting", "refused"]
Mode = Literal["automatic", "manual"]


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        outcome: push; "pushed before" (allowed, but the store has this model); waiting for a person; refused.
        reason: one line for people.
        subject: what was decided on.
        override: whether it is let through although the rules failed.
        version: version of this very model in the store, "" if there is none.
        verdict: of the rules, so that the file alone tells whether a person may overrule them; None in files
            from before it was told.
    """

    outcome: Outcome
    reason: str
    subject: Subject
    override: bool = False
    version: str = ""
    verdict: State | None = None


def decisive(records: Iterable[Record], subject: Subject) -> Record | None:
    """The last record that counts for a model under an evaluation, None if there is none.

    An approval counts for one evaluation only. A rejection or a withdrawal speaks against the model itself,
    so it counts until the model is approved again.
    """
    about = [
        record
        for record in records
        if record.model == subject.model
        and (record.action != "approve" or record.evaluation == subject.evaluation)
    ]
    return about[-1] if about else None


def decide(
    records: Iterable[Record],
    subject: Subject,
    verdict: Verdict,
    mode: Mode,
    *,
    version: str = "",
    evaluated: Subject | None = None,
) -> Decision:
    """Weigh the rules and what people said.

    Args:
        records: the table of approvals, in order.
        subject: digests of model and evaluation as their files are now.
        verdict: of the rules.
        mode: setting `approval.mode`.
        version: where the model store already has this model, "" if it has not. It is not pushed twice:
            a run that is repeated later would otherwise undo a rollback.
        evaluated: digests as the evaluator noted them; None to trust the files.
    """
    if evaluated is not None and evaluated != subject:
        what = "model" if evaluated.model != subject.model else "evaluation"
        return Decision("refused", _CHANGED.format(what), subject, verdict=verdict.state)
    records = list(records)
    record = decisive(records, subject)
    outcome, reason = _weigh(record, verdict, mode)
    if outcome == "waiting" and any(
        other.action == "approve" and other.model == subject.model for other in records
    ):
        reason += " (an earlier approval was for another evaluation of this model)"
    override = outcome == "push" and verdict.state == "failed"
    if outcome == "push" and version:
        outcome, reason = "pushed before", f"{reason}; in the store as version {version}"
    return Decision(outcome, reason, subject, override, version, verdict.state)


def _weigh(record: Record | None, verdict: Verdict, mode: Mode) -> tuple[Outcome, str]:
    if record is not None and record.action != "approve":
        return "refused", f"{'withdrawn' if record.action == 'rollback' else 'rejected'} {_told(record)}"
    if verdict.state == "failed":
        if record is not None and record.override:
            return "push", f"approved against the rules {_told(record)}"
        return "refused", "the rules are not kept"
    if record is not None:
        return "push", f"approved {_told(record)}"
    return _without_person(verdict, mode)


def _without_person(verdict: Verdict, mode: Mode) -> tuple[Outcome, str]:
    if verdict.state == "undecided":
        return "waiting", "the rules cannot judge it, so a person must"
    if mode == "manual":
        return "waiting", "passed the rules, waits for a person's approval"
    return "push", "passed the rules"


def _told(record: Record) -> str:
    return f"by {record.by} on {record.when}" + (f": {record.note}" if record.note else "")


_JSON = TypeAdapter(Decision)


def to_json(decision: Decision) -> bytes:
    """The content of `DECISION_FILE`."""
    return _JSON.dump_json(decision, indent=1)


def from_json(content: bytes) -> Decision:
    """The decision in the content of a `DECISION_FILE`."""
    return _JSON.validate_json(content)
