"""Dice as TFMA metrics: pure Beam combiners over the pixel counts that the detector computes in its graph.

The `evaluate` signature of the detector returns, per image and head, `[tp, fp, fn]` in pixels of the hard
mask on the full-resolution image; nothing else of an image travels through Beam. Keras metrics are no
choice here: TFMA cannot run those of Keras 3.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluation.names import DICE, DICE_STANDARD_ERROR, PIXEL_DICE


class PixelSums(NamedTuple):
    """What a slice adds up to: per-image dice and its square, pixels, and the number of images."""

    dice: float = 0.0
    dice_squared: float = 0.0
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
            one = dice(tp, fp, fn)
            image = PixelSums(one, one**2, tp, fp, fn, 1.0)
            sums = sums.plus(PixelSums(*(images * number for number in image)))
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


class _DiceErrorCombiner(_PixelCombiner):
    def figure(self, sums: PixelSums) -> float:
        if sums.images < 2:
            return float("nan")
        # The sum of squared deviations can fall below 0 by rounding, where all images score alike.
        deviations = max(sums.dice_squared - sums.dice**2 / sums.images, 0.0)
        return math.sqrt(deviations / (sums.images - 1) / sums.images)


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

    def __init__(self, name: str = DICE) -> None:
        super().__init__(_computations_with(_MeanDiceCombiner), name=name)


class DiceStandardError(metric_types.Metric):
    """Standard error of MeanDice over the images of a slice: s / sqrt(n), s with n - 1; NaN for one image.

    Its 95 % interval costs nothing beside TFMA's resampling, which runs every metric 20 times more.
    """

    def __init__(self, name: str = DICE_STANDARD_ERROR) -> None:
        super().__init__(_computations_with(_DiceErrorCombiner), name=name)


class PixelDice(metric_types.Metric):
    """Dice of the summed pixel counts of all images, in 0-1; large ships weigh more than in MeanDice."""

    def __init__(self, name: str = PIXEL_DICE) -> None:
        super().__init__(_computations_with(_PixelDiceCombiner), name=name)


metric_types.register_metric(MeanDice)
metric_types.register_metric(DiceStandardError)
metric_types.register_metric(PixelDice)
