"""A survey and its judgement as one HTML file that needs nothing else. Imports no TensorFlow of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from components.data_gate.judgement import Distance, Judgement
from components.data_report.charts import CHART_PX, Chart, chart
from components.data_report.collect import MOST_SHIPS, Survey
from components.data_report.measures import Measure
from components.examples import ROLES, SHIP_GROUPS
from components.pages.numbers import number
from components.pages.rendering import render_page

TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class _Verdict:
    """The line on top: `state` is "stopped", "warned", "accepted" or "unjudged"."""

    state: str
    text: str


def render(survey: Survey, judgement: Judgement, source: str = "", made_at: datetime | None = None) -> str:
    """The page. What comes from file names and tables is escaped, and no script but its own can run.

    Args:
        survey: what is shown.
        judgement: the verdict on top.
        source: where the images come from, for the reader; "" if not to be told.
        made_at: when; now if None.
    """
    return render_page(
        TEMPLATES,
        made_at=made_at,
        filters={"limits": limits},
        survey=survey,
        judgement=judgement,
        verdict=_verdict(judgement),
        distances=_by_kind(judgement.distances),
        charts=[(measure, chart(histogram, measure.allowed)) for measure, histogram in survey.measures],
        ship_charts=_ship_charts(survey),
        roles=ROLES,
        ship_groups=SHIP_GROUPS,
        source=source,
        chart_px=CHART_PX,
    )


def limits(measure: Measure) -> str:
    """The allowed range in words."""
    low, high = measure.allowed
    if math.isfinite(low) and math.isfinite(high):
        return f"{number(low)} to {number(high)}"
    if math.isfinite(low):
        return f"from {number(low)}"
    return f"up to {number(high)}" if math.isfinite(high) else "any"


def _verdict(judgement: Judgement) -> _Verdict:
    broken = [rule for rule in judgement.rules if not rule.passed]
    if judgement.stopped:
        stops = sum(rule.action == "stop" for rule in broken)
        return _Verdict(
            "stopped", f"Not accepted: {_broken(stops)} {'stops' if stops == 1 else 'stop'} the run."
        )
    if judgement.warned:
        return _Verdict("warned", f"Accepted with a warning: {_broken(len(broken))}.")
    if judgement.rules:
        return _Verdict("accepted", "Accepted: every rule is kept.")
    return _Verdict("unjudged", "Not judged: no rules were applied to this data set.")


def _broken(rules: int) -> str:
    return f"{rules} broken rule{'' if rules == 1 else 's'}"


@dataclass(frozen=True)
class _Bar:
    """A distance with the lengths of its bar: `share` and `limit` are parts of the whole width, 0-1."""

    distance: Distance
    share: float
    limit: float
    over: bool


def _by_kind(distances: Sequence[Distance]) -> list[tuple[str, list[_Bar]]]:
    """Bars by kind, the ones nearest to or furthest beyond their threshold first.

    The length is the distance in thresholds, so that measures of different scales can be compared.
    """

    def excess(distance: Distance) -> float:
        if distance.threshold:
            return distance.value / distance.threshold
        return math.inf if distance.value else 0.0

    longest = max([1.25, *(min(excess(distance), 4.0) for distance in distances)])
    ordered = sorted(distances, key=lambda one: (one.kind, -excess(one), one.feature))
    return [
        (
            kind,
            [
                _Bar(one, min(excess(one), longest) / longest, 1 / longest, one.value > one.threshold)
                for one in group
            ],
        )
        for kind, group in groupby(ordered, key=lambda one: one.kind)
    ]


def _ship_charts(survey: Survey) -> list[tuple[str, str, Chart]]:
    """Title, note and chart about the ships."""
    return [
        (
            "Ships per image",
            f"Images with ships; {MOST_SHIPS} stands for {MOST_SHIPS} and more.",
            chart(survey.ship_counts.trimmed()),
        ),
        ("Ship size", "Area of each ship in pixels.", chart(survey.ship_areas.trimmed())),
    ]
