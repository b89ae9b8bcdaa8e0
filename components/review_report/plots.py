"""Geometry of the small SVG line charts. Imports no TensorFlow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.pages.numbers import number, round_values
from components.review_report.curves import Points

WIDTH_PX, HEIGHT_PX = 250, 165
_TICKS = 5


@dataclass(frozen=True)
class Line:
    """A line of a chart: `kind` is its class in the style sheet, `path` its SVG path data."""

    kind: str
    label: str
    path: str
    is_dot: bool = False


@dataclass(frozen=True)
class Mark:
    """A point that is marked, such as the tuned threshold."""

    kind: str
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Plot:
    """A line chart; ticks are (position in px, text).

    Attributes:
        title: of the chart.
        x_label: what runs to the right.
        y_label: what runs upwards.
        lines: of one point or more.
        marks: points on them.
        x_ticks: along the foot.
        y_ticks: along the left edge.
        note: a sentence for the reader.
    """

    title: str
    x_label: str
    y_label: str
    lines: list[Line]
    marks: list[Mark]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    note: str


def plot(
    title: str,
    x_label: str,
    y_label: str,
    curves: Sequence[tuple[str, str, Points]],
    *,
    marks: Sequence[tuple[str, str, tuple[float, float] | None]] = (),
    unit_scale: bool = True,
    note: str = "",
) -> Plot | None:
    """Draw curves of (kind, label, points); None if none of them can be drawn.

    Args:
        title: of the chart.
        x_label: what runs to the right.
        y_label: what runs upwards.
        curves: those without points are left out, and points that are not finite.
        marks: (kind, label, point), left out where there is no point.
        unit_scale: both axes from 0 to 1; else the range of the curves, from 0 if that is near.
        note: a sentence for the reader.
    """
    drawn = [
        (kind, label, [point for point in points if all(map(math.isfinite, point))])
        for kind, label, points in curves
    ]
    drawn = [(kind, label, points) for kind, label, points in drawn if points]
    if not drawn:
        return None
    every = [point for _, _, points in drawn for point in points]
    x_low, x_high = (0.0, 1.0) if unit_scale else _range([x for x, _ in every])
    y_low, y_high = (0.0, 1.0) if unit_scale else _range([y for _, y in every])

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        right = (x - x_low) / (x_high - x_low) * WIDTH_PX
        return round(right, 1), round(HEIGHT_PX - (y - y_low) / (y_high - y_low) * HEIGHT_PX, 1)

    return Plot(
        title,
        x_label,
        y_label,
        [
            # A path without length is drawn as a dot, by the round caps of the style sheet.
            Line(kind, label, _path([place(point) for point in points]), is_dot=len(points) == 1)
            for kind, label, points in drawn
        ],
        [Mark(kind, label, *place(point)) for kind, label, point in marks if point is not None],
        [(place((x, y_low))[0], number(x)) for x in round_values(x_low, x_high, _TICKS)],
        [(place((x_low, y))[1], number(y)) for y in round_values(y_low, y_high, _TICKS)],
        note,
    )


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low > 0 and (low == high or low < high / 2):
        low = 0.0
    return (low, high) if high > low else (low, low + 1)


def _path(points: list[tuple[float, float]]) -> str:
    if len(points) == 1:
        points = points * 2
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
