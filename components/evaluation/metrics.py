"""Dice as TFMA metrics: pure Beam combiners over the pixel counts that the detector computes in its graph.

The `evaluate` signature of the detector returns, per image and head, `[tp, fp, fn]` in pixels of the hard
mask on the full-resolution image; nothing else of an image travels through Beam. Keras metrics are no
choice here: TFMA cannot run those of Keras 3.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util


class PixelSums(NamedTuple):
    """What a slice adds up to: summed per-image dice, pixels, and the number of images."""

    dice: float = 0.0
    tp: float = 0.0
    fp: float = 0.0
    fn: float = 0.0
    images: float = 0.0

    def plus(self, other: "PixelSums") -> "PixelSums":
        """Sum of two disjoint sets of images."""
        return PixelSums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def dice(tp: float, fp: float, fn: float) -> float:
    """Dice coefficient 2tp / (2tp + fp + fn), in 0-1; nothing there and nothing predicted counts as 1.

    Dice, L. R. (1945), Measures of the Amount of Ecologic Association Between Species, Ecology 26(3).
    """
    covered = 2.0 * tp + fp + fn
    return 1.0 if covered == 0 else 2.0 * tp / covered


class _PixelCombiner(beam.CombineFn):
    """Adds up the pixel counts of a slice and turns them into one figure."""

    def __init__(self, key: metric_types.MetricKey, eval_config: Any) -> None:
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> PixelSums:
        return PixelSums()

    def add_input(self, sums: PixelSums, element: metric_types.StandardMetricInputs) -> PixelSums:
        for _, counts, weight in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
            squeeze=False,
            allow_none=True,
        ):
            images = float(weight.reshape(-1)[0])
            tp, fp, fn = (float(count) for count in counts.reshape(-1))
            sums = sums.plus(
                PixelSums(images * dice(tp, fp, fn), images * tp, images * fp, images * fn, images)
            )
        return sums

    def merge_accumulators(self, accumulators: Iterable[PixelSums]) -> PixelSums:
        merged = PixelSums()
        for sums in accumulators:
            merged = merged.plus(sums)
        return merged

    def extract_output(self, sums: PixelSums) -> dict[metric_types.MetricKey, float]:
        # A replicate of a small slice can be empty under resampling; NaN then fails any threshold.
        return {self._key: self.figure(sums) if sums.images else float("nan")}

    def figure(self, sums: PixelSums) -> float:
        """The metric's value for a slice with at least one image."""
        raise NotImplementedError


class _MeanDiceCombiner(_PixelCombiner):
    def figure(self, sums: PixelSums) -> float:
        return sums.dice / sums.images


class _PixelDiceCombiner(_PixelCombiner):
    def figure(self, sums: PixelSums) -> float:
        return dice(sums.tp, sums.fp, sums.fn)


def _computations_with(combiner: type[_PixelCombiner]) -> Any:
    # TFMA passes further keyword arguments (sub keys, class weights) only to functions that declare them.
    def computations(
        name: str, eval_config: Any = None, model_name: str = "", output_name: str = ""
    ) -> list[metric_types.MetricComputation]:
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        return [
            metric_types.MetricComputation(
                keys=[key], preprocessors=None, combiner=combiner(key, eval_config)
            )
        ]

    return metric_util.merge_per_key_computations(computations)


class MeanDice(metric_types.Metric):
    """Mean over images of the hard dice, in 0-1."""

    def __init__(self, name: str = "dice") -> None:
        super().__init__(_computations_with(_MeanDiceCombiner), name=name)


class PixelDice(metric_types.Metric):
    """Dice of the summed pixel counts of all images, in 0-1; large ships weigh more than in MeanDice."""

    def __init__(self, name: str = "pixel_dice") -> None:
        super().__init__(_computations_with(_PixelDiceCombiner), name=name)


metric_types.register_metric(MeanDice)
metric_types.register_metric(PixelDice)
