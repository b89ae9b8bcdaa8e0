"""The verdict about a candidate: each rule with its value and bound. Imports no TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from components.evaluation.slices import Figure

VERDICT_FILE = "verdict.json"

Outcome = Literal["pass", "fail", "cannot be judged"]
State = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True)
class Check:
    """One bound of one rule.

    Attributes:
        metric: e.g. "dice".
        head: "cascade", "segmenter" or "classifier".
        slice: features that define the slice; empty for all test images.
        kind: "min" (at least a value) or "max_drop" (not far below the baseline).
        allowed: the value or the drop that the rule allows.
        outcome: what came out.
        holds: whether the push waits for a person because of this check.
        reason: why it cannot be judged, "" if it can.
        images: test images in the slice.
        value: the candidate's, None where the evaluation has none.
        lower: end of the 95 % interval of `value`, None if not computed.
        upper: the other end.
        baseline: value of the latest pushed model, None where there is none.
        gain: `value` less `baseline` with the 95 % interval of this difference, paired over the same images;
            None for a metric whose difference is not measured, and for kind "min".
    """

    metric: str
    head: str
    slice: dict[str, str]
    kind: Literal["min", "max_drop"]
    allowed: float
    outcome: Outcome
    holds: bool
    reason: str = ""
    images: int = 0
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    baseline: float | None = None
    gain: Figure | None = None

    @property
    def bound(self) -> str:
        """The bound in words, e.g. "at least 0.4"."""
        if self.kind == "min":
            return f"at least {self.allowed:g}"
        pushed = "" if self.baseline is None else f" ({self.baseline:.3f})"
        return f"at most {self.allowed:g} under the pushed model{pushed}"

    def __str__(self) -> str:
        where = ", ".join(f"{name}={value}" for name, value in self.slice.items()) or "all test images"
        value = "no value" if self.value is None else f"{self.value:.3f}"
        if self.gain and self.gain.lower is not None and self.gain.upper is not None:
            value += (
                f" ({self.gain.value:+.3f} to the pushed model, 95 % interval "
                f"{self.gain.lower:+.3f} to {self.gain.upper:+.3f})"
            )
        told = f"{self.head} {self.metric} on {where}: {value}, {self.bound}: {self.outcome}"
        return f"{told} ({self.reason})" if self.reason else told


@dataclass(frozen=True)
class Verdict:
    """All checks; without any, nothing was asked of the model."""

    checks: tuple[Check, ...] = ()

    @property
    def held(self) -> tuple[Check, ...]:
        """The checks because of which the model is not pushed without a person."""
        return tuple(check for check in self.checks if check.holds)

    @property
    def state(self) -> State:
        """Failed if a rule is broken, undecided if a person has to judge instead, else passed."""
        if any(check.outcome == "fail" for check in self.checks):
            return "failed"
        return "undecided" if self.held else "passed"


_JSON = TypeAdapter(Verdict)


def to_json(verdict: Verdict) -> bytes:
    """The content of `VERDICT_FILE`."""
    return _JSON.dump_json(verdict, indent=1)


def from_json(content: bytes) -> Verdict:
    """The verdict in the content of a `VERDICT_FILE`."""
    return _JSON.validate_json(content)
