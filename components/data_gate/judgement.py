"""The verdict about a data set as a whole, on its way from the report to the gate. Imports no TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

JUDGEMENT_FILE = "judgement.json"

Action = Literal["stop", "warn"]


@dataclass(frozen=True)
class Rule:
    """One rule of the acceptance.

    Attributes:
        name: e.g. "quarantined images", "drift", "skew", "schema".
        action: what a breach does.
        measured: e.g. "3.1 % (11 of 354)".
        bound: e.g. "at most 20 %".
        passed: whether the rule is kept.
        details: further lines, e.g. the features that drifted.
    """

    name: str
    action: Action
    measured: str
    bound: str
    passed: bool
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.name}: {self.measured}, {self.bound}"
        return f"{told} ({'; '.join(self.details)})" if self.details else told


@dataclass(frozen=True)
class Distance:
    """Drift or skew of one feature.

    Attributes:
        feature: name of the feature.
        kind: "drift" (new data against the last accepted) or "skew" (eval against train).
        between: e.g. "train_ships now / accepted model 1763".
        measure: e.g. "Jensen-Shannon divergence", "L-infinity".
        value: the distance, >= 0.
        threshold: the largest distance that is allowed.
    """

    feature: str
    kind: Literal["drift", "skew"]
    between: str
    measure: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Judgement:
    """All rules with their outcome, and the distances behind them.

    Attributes:
        rules: empty if nothing was asked of the data set.
        distances: in no particular order.
    """

    rules: tuple[Rule, ...] = ()
    distances: tuple[Distance, ...] = ()

    def breached(self, action: Action) -> tuple[Rule, ...]:
        """The rules that are not kept and ask for an action."""
        return tuple(rule for rule in self.rules if not rule.passed and rule.action == action)

    @property
    def stopped(self) -> bool:
        """Whether a breached rule stops the run."""
        return bool(self.breached("stop"))

    @property
    def warned(self) -> bool:
        """Whether a breached rule asks for attention."""
        return bool(self.breached("warn"))


_JSON = TypeAdapter(Judgement)


def to_json(judgement: Judgement) -> bytes:
    """The content of `JUDGEMENT_FILE`."""
    return _JSON.dump_json(judgement, indent=1)


def from_json(content: bytes) -> Judgement:
    """The judgement in the content of a `JUDGEMENT_FILE`."""
    return _JSON.validate_json(content)
