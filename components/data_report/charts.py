"""From histograms to the geometry of small SVG charts. Imports no TensorFlow."""

import math
from dataclasses import dataclass

from components.data_report.histograms import Axis, Histogram
from components.examples import ROLES
from components.pages.numbers import number, round_values

WIDTH_PX = 300
_RIDGE_PX = 30
# Above each ridge, so that the tallest bar does not touch the one before.
_GAP_PX = 8
# A label takes about 45 px.
_TICKS = 5


@dataclass(frozen=True)
class Tick:
    """A labelled position on the axis; `anchor` is SVG's text-anchor."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Ridge:
    """The bars of one role.

    Attributes:
        role: "train", "eval" or "test".
        values: how many there are.
        foot: y of their base line.
        path: their outline as SVG path data, "" if there are none.
    """

    role: str
    values: int
    foot: float
    path: str


@dataclass(frozen=True)
class Chart:
    """What the template draws.

    Attributes:
        ridges: of each role, one below the other.
        peak: share of the tallest bar, 0-1.
        ticks: of the axis.
        limits: positions of those limits of the schema that lie on the axis.
        outside: left end and width of what the schema does not allow.
        log: whether the axis is logarithmic.
    """

    ridges: tuple[Ridge, ...]
    peak: float
    ticks: tuple[Tick, ...]
    limits: tuple[float, ...]
    outside: tuple[tuple[float, float], ...]
    log: bool


@dataclass(frozen=True)
class ChartSize:
    """Measures that all charts share, in px."""

    width: int
    height: int


CHART_PX = ChartSize(WIDTH_PX, len(ROLES) * (_RIDGE_PX + _GAP_PX))


def chart(histogram: Histogram, allowed: tuple[float, float] = (-math.inf, math.inf)) -> Chart:
    """Draws a ridge per role, each as shares of its own images, at one scale.

    The height is the square root of the share (a rootogram), so that one image among hundreds stays visible.

    Args:
        histogram: counts by role.
        allowed: range of the schema.
    """
    axis = histogram.axis
    shares = {
        role: [count / (sum(counts) or 1) for count in counts] for role, counts in histogram.counts.items()
    }
    peak = max(share for row in shares.values() for share in row)
    left, right = (_x(axis, limit) if math.isfinite(limit) else None for limit in allowed)
    outside = [
        (0.0, left) if left else None,
        (right, round(WIDTH_PX - right, 1)) if right is not None and right < WIDTH_PX else None,
    ]
    return Chart(
        ridges=tuple(
            Ridge(
                role,
                sum(histogram.counts[role]),
                foot := (index + 1) * (_RIDGE_PX + _GAP_PX),
                _outline(shares[role], peak, foot) if any(shares[role]) else "",
            )
            for index, role in enumerate(ROLES)
        ),
        peak=peak,
        ticks=tuple(_tick(axis, value) for value in tick_values(axis)),
        limits=tuple(x for x in (left, right) if x is not None),
        outside=tuple(stretch for stretch in outside if stretch is not None),
        log=axis.log,
    )


def tick_values(axis: Axis) -> list[float]:
    """Round numbers for the axis: 1, 2 or 5 times a power of ten apart, or powers of ten."""
    if axis.log:
        first, last = math.ceil(math.log10(axis.low) - 1e-9), math.floor(math.log10(axis.high) + 1e-9)
        if last - first >= 1:
            stride = -(-(last - first + 1) // _TICKS)
            return [10.0**power for power in range(first, last + 1, stride)]
        return [axis.low, axis.high]
    return round_values(axis.low, axis.high, _TICKS)


def _outline(shares: list[float], peak: float, foot: float) -> str:
    """Steps along the tops of the bars, closed at the foot; neighbours of the same height are one step."""
    step = WIDTH_PX / len(shares)
    parts = [f"M0 {foot}"]
    before = 0.0
    for index, share in enumerate(shares):
        if share != before:
            parts.append(f"H{index * step:.1f}V{foot - _RIDGE_PX * math.sqrt(share / peak):.1f}")
        before = share
    return "".join([*parts, f"H{WIDTH_PX}V{foot}Z"])


def _x(axis: Axis, value: float) -> float:
    return round(axis.position(value) * WIDTH_PX, 1)


def _tick(axis: Axis, value: float) -> Tick:
    x = _x(axis, value)
    anchor = "start" if x < 12 else "end" if x > WIDTH_PX - 12 else "middle"
    return Tick(x, number(value), anchor)
