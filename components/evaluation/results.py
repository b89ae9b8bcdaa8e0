"""Reads TFMA's results into plain values."""

import math
from typing import Any

import tensorflow_model_analysis as tfma

from components.evaluation.names import BASELINE, CANDIDATE, GAIN, LOWER, SHIP_SIZE, SHIP_SIZES, UPPER
from components.evaluation.slices import Evaluation, Figure, Slice
from components.examples import HAS_SHIP, SHIP_GROUP, SHIP_GROUPS

# The features of a slice whose values have an order of their own.
_VALUES = {SHIP_GROUP: SHIP_GROUPS, SHIP_SIZE: SHIP_SIZES}


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
            _join_bounds(part)
    return Evaluation(*(sorted(slices[name].values(), key=_reading_order) for name in (CANDIDATE, BASELINE)))


def _join_bounds(part: Slice) -> None:
    """Give each metric that TFMA did not resample the bounds that travelled beside it, and drop these."""
    for head, metric in list(part.figures):
        lower = part.figures.pop((head, metric + LOWER), None)
        upper = part.figures.pop((head, metric + UPPER), None)
        figure = part.figures.get((head, metric))
        if figure and lower and upper and figure.lower is None:
            part.figures[head, metric] = Figure(figure.value, lower.value, upper.value)
    for head, metric in list(part.figures):
        if metric.endswith(GAIN):
            part.gains[head, metric.removesuffix(GAIN)] = part.figures.pop((head, metric))


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
    known = [(), (HAS_SHIP,), (SHIP_GROUP,), (SHIP_SIZE,)]
    columns = tuple(sorted(part.features))
    rank = known.index(columns) if columns in known else len(known)
    places = [
        _VALUES[name].index(value) if value in _VALUES.get(name, ()) else 0
        for name, value in sorted(part.features.items())
    ]
    return rank, columns, places, sorted(part.features.values())
