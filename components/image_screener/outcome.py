"""From the findings against an image to what becomes of it: by the settings, and by what a person decided."""

from dataclasses import dataclass
from typing import Literal

from components.image_screener.decisions import Decision
from components.image_screener.screening import ESSENTIAL, Finding
from components.image_screener.settings import Action

Fate = Literal["clean", "warned", "restored", "quarantined", "stop", "dropped"]
"""What becomes of an image; all but "clean" have a row in the table of flagged images."""

KEPT = ("clean", "warned", "restored")


@dataclass(frozen=True)
class Outcome:
    """What becomes of an image, and why.

    Attributes:
        fate: see `Fate`; "stop" is quarantined and asks the run to stop.
        reasons: as they are told.
        features: the features that speak against it.
        stopping: those of them that are to stop the run, if that is its fate.
    """

    fate: Fate
    reasons: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    stopping: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the image goes on to the training."""
        return self.fate in KEPT


def settle(findings: list[Finding], actions: dict[str, Action], decision: Decision | None) -> Outcome:
    """What becomes of an image.

    Args:
        findings: what the schema has against it.
        actions: by feature; "quarantine" where there is none. `ESSENTIAL` features always quarantine.
        decision: of a person about this very file, None for none.
    """
    counted = [finding for finding in findings if _action(finding, actions) != "ignore"]
    reasons = tuple(str(finding) for finding in counted)
    features = tuple(finding.feature for finding in counted)
    if decision is not None and decision.verdict == "drop":
        return Outcome("dropped", (_by(decision), *reasons), features)
    if not counted:
        return Outcome("clean")
    if decision is not None and not any(finding.feature in ESSENTIAL for finding in counted):
        return Outcome("restored", (_by(decision), *reasons), features)
    stopping = tuple(finding.feature for finding in counted if _action(finding, actions) == "stop")
    worst = {_action(finding, actions) for finding in counted}
    fate: Fate = "stop" if stopping else "quarantined" if "quarantine" in worst else "warned"
    return Outcome(fate, reasons, features, stopping)


def _action(finding: Finding, actions: dict[str, Action]) -> Action:
    action = actions.get(finding.feature, "quarantine")
    return "quarantine" if finding.feature in ESSENTIAL and action != "stop" else action


def _by(decision: Decision) -> str:
    told = "restored" if decision.verdict == "restore" else "dropped"
    return f"{told} by {decision.by}" + (f": {decision.note}" if decision.note else "")
