"""What the data set as a whole is judged by."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """One rule of the acceptance.

    Attributes:
        name: e.g. "quarantined images", "drift", "skew", "schema".
        action: what a breach does, "stop" or "warn".
        measured: e.g. "3.1 % (11 of 354)".
        bound: e.g. "at most 20 %".
        passed: whether the rule is kept.
        details: further lines, e.g. the features that drifted.
    """

    name: str
    action: Literal["stop", "warn"]
    measured: str
    bound: str
    passed: bool
    details: tuple[str, ...] = ()


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

    @property
    def stopped(self) -> bool:
        """Whether a breached rule stops the run."""
        return any(not rule.passed and rule.action == "stop" for rule in self.rules)

    @property
    def warned(self) -> bool:
        """Whether a breached rule asks for attention."""
        return any(not rule.passed and rule.action == "warn" for rule in self.rules)


def judge() -> Judgement:
    """No rules yet: the page says so."""
    return Judgement()
