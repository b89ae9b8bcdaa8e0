"""Axes, charts, quantiles and the images at the ends: plain functions on made-up numbers."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_report.charts import chart, tick_values
from components.data_report.histograms import Axis, Histogram, fitting_axis
from components.data_report.measures import known_measures
from components.data_report.thumbnails import Extremes, Sighting
from components.examples import SPLITS
from components.pages.numbers import number, percent


@pytest.mark.parametrize("axis", [Axis(-2, 8), Axis(0.3, 30_000, log=True)])
def test_bins_cover_the_axis_and_take_what_lies_beyond(axis):
    middles = [(axis.edge(n) + axis.edge(n + 1)) / 2 for n in range(axis.bins)]
    assert [axis.bin(value) for value in middles] == list(range(axis.bins))
    assert (axis.bin(-1e9), axis.bin(axis.high), axis.bin(1e9)) == (0, axis.bins - 1, axis.bins - 1)


def test_trimmed_histogram_keeps_every_value_where_it_was():
    whole = Histogram(Axis(1, 1e6, log=True, bins=60))
    for value in (95.0, 2000.0, 2100.0):
        whole.add("train", value)
    whole.add("test", 40.0)
    part = whole.trimmed()
    assert part.axis.bins < 60
    again = Histogram(part.axis)
    for role, value in (("train", 95.0), ("train", 2000.0), ("train", 2100.0), ("test", 40.0)):
        again.add(role, value)
    assert again.counts == part.counts
    assert Histogram(Axis(0, 1)).trimmed().axis == Axis(0, 1)


def test_axis_is_logarithmic_only_where_most_values_lie_at_the_lower_end():
    assert not fitting_axis(2, 255, 60, 2).log
    assert fitting_axis(0.7, 30_000, 20, 0.3).log
    assert not fitting_axis(0, 1, 0.01, 0).log
    assert fitting_axis(0, 30_000, 20, 0.3) == Axis(0.03, 30_000, log=True)
    assert fitting_axis(768, 768, 768, 768).position(768) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (Axis(2, 255), [100, 200]),
        (Axis(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Axis(0.3, 30_000, log=True), [1, 10, 100, 1000, 10_000]),
        (Axis(2, 7, log=True), [2, 7]),
    ],
)
def test_ticks_are_round(axis, values):
    assert tick_values(axis) == pytest.approx(values)


def test_numbers_read_easily():
    written = [number(value) for value in (0, 0.00012, 0.0545, 2.0, 31.44, 128, 29_999.6, 2e6, -3.5)]
    assert written == ["0", "0.00012", "0.0545", "2", "31.4", "128", "30,000", "2,000,000", "-3.5"]
    assert [percent(share) for share in (0, 0.00001, 0.031, 0.5, 1)] == [
        "0 %",
        "< 0.1 %",
        "3.1 %",
        "50 %",
        "100 %",
    ]


def test_chart_marks_the_limits_and_what_lies_beyond():
    histogram = Histogram(Axis(0, 100))
    histogram.add("train", 10)
    drawn = chart(histogram, (20, 80))
    width = drawn.outside[1][0] + drawn.outside[1][1]
    assert drawn.limits == pytest.approx((0.2 * width, 0.8 * width))
    assert drawn.outside[0] == pytest.approx((0, 0.2 * width))
    assert [bool(ridge.path) for ridge in drawn.ridges] == [True, False, False]
    assert chart(histogram).outside == chart(histogram, (0, 100)).outside == ()
    assert chart(Histogram(Axis(0, 1))).peak == 0


def test_extremes_keep_the_highest_and_of_equals_the_first():
    extremes = Extremes(3)
    for name, rank in [("a", 1), ("b", 5), ("c", 5), ("d", 5), ("e", 7)]:
        extremes.offer(Sighting(name, "train_ships", b"", "luma_mean", rank, rank))
    assert [one.image_id for one in extremes.best()] == ["e", "b", "c"]
    assert not Extremes(0).wants(1.0)


def test_quantiles_of_several_splits_are_those_of_all_values():
    rng = np.random.default_rng(0)
    parts = {"train_ships": rng.normal(50, 9, 900), "train_empty": rng.normal(30, 4, 300)}
    schema = schema_pb2.Schema()
    schema.feature.add(name="haze", type=schema_pb2.FLOAT).float_domain.max = 90
    schema.feature[0].annotation.comment.append("how hazy it is")

    def column(split: str) -> pa.RecordBatch:
        values = [[value] for value in parts.get(split, [])]
        return pa.RecordBatch.from_arrays([pa.array(values, pa.list_(pa.float64()))], ["haze"])

    statistics = {
        split: stats_impl.generate_statistics_in_memory(column(split), tfdv.StatsOptions()).datasets[0]
        for split in SPLITS
    }
    (haze,) = known_measures(statistics, schema)
    values = np.concatenate(list(parts.values()))
    tenth, median, ninetieth = np.quantile(values, (0.1, 0.5, 0.9))
    assert haze.median == pytest.approx(median, abs=0.7)
    assert haze.spread == pytest.approx((ninetieth - tenth) / 2.563, rel=0.1)
    assert haze.departure(ninetieth) == pytest.approx((ninetieth - median) / haze.spread, abs=0.1)
    assert (haze.allowed, haze.comment, haze.missing) == ((-np.inf, 90), "how hazy it is", 0)
    assert haze.medians == {"train": haze.median}
