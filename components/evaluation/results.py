"""Reads TFMA's results into plain values."""

import math
from typing import Any

import tensorflow_model_analysis as tfma

from components.evaluation.names import BASELINE, CANDIDATE, DICE, DICE_STANDARD_ERROR
from components.evaluation.slices import Evaluation, Figure, Slice
from components.examples import HAS_SHIP, SHIP_GROUP, SHIP_GROUPS

# 95 % of a normal distribution lie within so many standard deviations.
_NORMAL_95 = 1.96


def read_evaluation(uri: str) -> Evaluation:
    """Read the evaluation artifact at `uri`."""
    # With a single model TFMA leaves its name empty.
    names = {"": CANDIDATE, CANDIDATE: CANDIDATE, BASELINE: BASELINE}
    slices: dict[str, dict[tuple[tuple[str, str], ...], Slice]] = {CANDIDATE: {}, BASELINE: {}}
    for metrics in tfma.load_metrics(uri):
        features = {key.column: _feature_text(key) for key in metrics.slice_key.single_slice_keys}
        for item in metrics.metric_keys_and_values:
            if item.key.is_diff:
                continue
            figure = _figure(item)
            if figure is not None:
                part = slices[names[item.key.model_name]].setdefault(
                    tuple(sorted(features.items())), Slice(features)
                )
                part.figures[item.key.output_name, item.key.name] = figure
    for parts in slices.values():
        for part in parts.values():
            _add_dice_intervals(part)
    return Evaluation(*(sorted(slices[name].values(), key=_reading_order) for name in (CANDIDATE, BASELINE)))


def _add_dice_intervals(part: Slice) -> None:
    """Give each dice without an interval of TFMA's resampling that of its standard error."""
    for (head, metric), figure in list(part.figures.items()):
        error = part.value(head, DICE_STANDARD_ERROR)
        if metric == DICE and figure.lower is None and error is not None:
            reach = _NORMAL_95 * error
            part.figures[head, metric] = Figure(figure.value, figure.value - reach, figure.value + reach)


def _feature_text(key: Any) -> str:
    value = getattr(key, key.WhichOneof("kind"))
    return value.decode() if isinstance(value, bytes) else str(value)


def _figure(item: Any) -> Figure | None:
    value = _number(item.value)
    if value is None:
        return None
    interval = item.confidence_interval
    lower, upper = _number(interval.lower_bound), _number(interval.upper_bound)
    return Figure(value, lower, upper) if lower is not None and upper is not None else Figure(value)


def _number(value: Any) -> float | None:
    """The number in a TFMA MetricValue; None if it holds none, or NaN."""
    kind = value.WhichOneof("type")
    if kind == "bounded_value":
        number = value.bounded_value.value.value
    elif kind == "double_value":
        number = value.double_value.value
    else:
        return None
    return None if math.isnan(number) else float(number)


def _reading_order(part: Slice) -> tuple[object, ...]:
    known = [(), (HAS_SHIP,), (SHIP_GROUP,)]
    columns = tuple(sorted(part.features))
    rank = known.index(columns) if columns in known else len(known)
    groups = [
        SHIP_GROUPS.index(value) if name == SHIP_GROUP and value in SHIP_GROUPS else 0
        for name, value in sorted(part.features.items())
    ]
    return rank, columns, groups, sorted(part.features.values())
