"""Metrics of an evaluation as plain values. Imports no TensorFlow."""

from dataclasses import dataclass, field

from components.evaluation.names import CLASSIFIER, IMAGES, SHIP_SIZE
from components.examples import HAS_SHIP, SHIP_GROUP


@dataclass(frozen=True)
class Figure:
    """A metric's value with its 95 % confidence interval, NaN-free; the bounds are None if not computed."""

    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Slice:
    """Metrics of one model on one slice.

    Attributes:
        features: what defines the slice, such as {"ship_group": "1-2"}; empty for all test images.
        figures: by head and metric name, such as figures["cascade", "dice"].
        gains: likewise of a candidate, the difference candidate - baseline, paired over the same images.
    """

    features: dict[str, str]
    figures: dict[tuple[str, str], Figure] = field(default_factory=dict)
    gains: dict[tuple[str, str], Figure] = field(default_factory=dict)

    def matches(self, features: dict[str, str]) -> bool:
        """Whether this is the slice that exactly these features define."""
        return self.features == features

    def value(self, head: str, metric: str) -> float | None:
        """Value of a metric, or None where the slice does not define it (a one-class AUC, say)."""
        figure = self.figures.get((head, metric))
        return None if figure is None else figure.value

    @property
    def label(self) -> str:
        """The slice in words, such as "1-2 ships" or "Source airbus, with ships"."""
        words = []
        for name, value in self.features.items():
            if name == HAS_SHIP:
                words.append("with ships" if value == "1" else "without ships")
            elif name == SHIP_GROUP:
                words.append("no ship" if value == "0" else f"{value} ships")
            elif name == SHIP_SIZE:
                words.append(f"ships of {value} px")
            else:
                words.append(f"{name} {value}")
        return ", ".join(words) or "all"

    @property
    def images(self) -> int:
        """Number of test images in the slice."""
        return int(self.value(CLASSIFIER, IMAGES) or 0)


@dataclass(frozen=True)
class Evaluation:
    """Slices of the candidate and, if there was one, of the baseline; in reading order."""

    candidate: list[Slice]
    baseline: list[Slice]
