"""Histograms with bins that are fixed before the first value arrives. Imports no TensorFlow."""

import math
from dataclasses import dataclass, field

from components.examples import ROLES

# Bars of 6 px on a chart of 300 px.
_BINS = 50
# A range of so many medians would leave nearly all images in the first bars of a linear axis.
_SKEWED = 10.0


@dataclass(frozen=True)
class Axis:
    """The values a histogram covers; those beyond count in the first and last bin.

    Attributes:
        low: lower end.
        high: upper end, > low.
        log: whether bins have equal ratios instead of equal widths; needs low > 0.
        bins: how many.
    """

    low: float
    high: float
    log: bool = False
    bins: int = _BINS

    def position(self, value: float) -> float:
        """Where a value lies between the ends, 0-1, also where it lies beyond them."""
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def bin(self, value: float) -> int:
        """Number of the bin of a finite value."""
        return min(int(self.position(value) * self.bins), self.bins - 1)

    def edge(self, number: int) -> float:
        """Lower edge of a bin; of the number of bins: the upper end."""
        share = number / self.bins
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)


@dataclass
class Histogram:
    """Counts per role and bin; grows by `add`."""

    axis: Axis
    counts: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ROLES:
            self.counts.setdefault(role, [0] * self.axis.bins)

    def add(self, role: str, value: float) -> None:
        """Count a finite value of an image of a role."""
        self.counts[role][self.axis.bin(value)] += 1

    def trimmed(self) -> "Histogram":
        """Without the bins at both ends that are empty for every role; as it is if all are."""
        filled = [
            number for number in range(self.axis.bins) if any(row[number] for row in self.counts.values())
        ]
        if not filled:
            return self
        first, end = filled[0], filled[-1] + 1
        axis = Axis(self.axis.edge(first), self.axis.edge(end), self.axis.log, end - first)
        return Histogram(axis, {role: row[first:end] for role, row in self.counts.items()})


def fitting_axis(low: float, high: float, median: float, limit: float) -> Axis:
    """An axis for values of [low, high]: of equal ratios where most of them lie close to the lower end.

    Args:
        low: smallest value or limit to be shown.
        high: largest.
        median: of the values.
        limit: smallest value that is allowed. If it is above 0, values at or below 0 do not keep the axis
            from having equal ratios: they count in its first bin.
    """
    if high <= low:
        margin = abs(low) * 0.01 or 0.5
        return Axis(low - margin, high + margin)
    positive = low if low > 0 else limit / 10 if 0 < limit < high else 0.0
    log = positive > 0 and high > _SKEWED * median
    return Axis(positive if log else low, high, log)
