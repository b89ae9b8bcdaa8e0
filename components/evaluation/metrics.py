"""All metrics as TFMA metrics: Beam combiners over the few numbers of each image.

One combiner a head adds up what all metrics of the head need, since sums are shared and slices are many.
Keras metrics are no choice here: TFMA cannot run those of Keras 3.

A metric with an interval comes with two more, `<metric>_lower` and `<metric>_upper`, its 95 % bounds. They
cost nothing beside TFMA's resampling, which runs every metric 20 times more. NaN stands for an undefined one.
Of a candidate beside a baseline, `<metric>_gain` is the paired difference, with bounds likewise.

| head | metric | of the images of a slice |
|---|---|---|
| segmenter, cascade | dice | mean of the hard dice |
| | f2 | mean of the Airbus F2 score, see `ships.f2_score` |
| | pixel_dice, pixel_iou, pixel_precision, pixel_recall | of summed pixel counts; large ships weigh more |
| | ship_recall, ship_precision | share of ships found at IoU 0.5, of predicted components that are one |
| | ship_recall_<size> | the same share of ships by class of area, with ships_<size>, ships_found_<size> |
| | ship_dice_<size> | mean over these ships of the dice within 8 px of their bounding box |
| classifier | auc | area under the ROC curve |
| | precision, recall, accuracy | at the tuned threshold |
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluation.image_numbers import FOUND, LABELLED, PLACE, SHIP_DICE
from components.evaluation.names import (
    ACCURACY,
    AUC,
    CANDIDATE,
    DICE,
    F2,
    FOUND_OF,
    GAIN,
    LOWER,
    PIXEL_DICE,
    PIXEL_IOU,
    PIXEL_PRECISION,
    PIXEL_RECALL,
    PRECISION,
    RECALL,
    RECALL_OF,
    SHIP_DICE_OF,
    SHIP_PRECISION,
    SHIP_RECALL,
    SHIP_SIZES,
    SHIPS_OF,
    UPPER,
)
from components.evaluation.ratios import Moments, Ratio, estimate, estimate_gain
from components.evaluation.roc import roc_auc, roc_auc_gain
from components.evaluation.slices import Figure

_IMAGES = {PLACE["images"]: 1.0}
_TP, _FP, _FN = PLACE["tp_px"], PLACE["fp_px"], PLACE["fn_px"]
_ALL_FOUND = dict.fromkeys(FOUND, 1.0)

MASK_RATIOS: Mapping[str, Ratio] = {
    DICE: Ratio({PLACE["dice"]: 1.0}, _IMAGES),
    F2: Ratio({PLACE["f2"]: 1.0}, _IMAGES),
    PIXEL_DICE: Ratio({_TP: 2.0}, {_TP: 2.0, _FP: 1.0, _FN: 1.0}, without=1.0),
    PIXEL_IOU: Ratio({_TP: 1.0}, {_TP: 1.0, _FP: 1.0, _FN: 1.0}, without=1.0),
    PIXEL_PRECISION: Ratio({_TP: 1.0}, {_TP: 1.0, _FP: 1.0}),
    PIXEL_RECALL: Ratio({_TP: 1.0}, {_TP: 1.0, _FN: 1.0}),
    SHIP_PRECISION: Ratio(_ALL_FOUND, _ALL_FOUND | {PLACE["false_alarms"]: 1.0}, "wilson"),
    SHIP_RECALL: Ratio(_ALL_FOUND, dict.fromkeys(LABELLED, 1.0), "wilson"),
    **{
        RECALL_OF[size]: Ratio({found: 1.0}, {labelled: 1.0}, "wilson")
        for size, found, labelled in zip(SHIP_SIZES, FOUND, LABELLED, strict=True)
    },
    **{
        SHIP_DICE_OF[size]: Ratio({dice: 1.0}, {labelled: 1.0})
        for size, dice, labelled in zip(SHIP_SIZES, SHIP_DICE, LABELLED, strict=True)
    },
}
MASK_COUNTS: Mapping[str, int] = {
    **dict(zip(SHIPS_OF.values(), LABELLED, strict=True)),
    **dict(zip(FOUND_OF.values(), FOUND, strict=True)),
}
# Numbers of an image: tp, fp, fn, tn of the classifier, one of them 1.
_CLASSIFIER_NUMBERS = 4
CLASSIFIER_RATIOS: Mapping[str, Ratio] = {
    PRECISION: Ratio({0: 1.0}, {0: 1.0, 1: 1.0}, "wilson"),
    RECALL: Ratio({0: 1.0}, {0: 1.0, 2: 1.0}, "wilson"),
    ACCURACY: Ratio({0: 1.0, 3: 1.0}, {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, "wilson"),
}


class _HeadCombiner(beam.CombineFn):
    """What both combiners share: finding a head's numbers, and naming figures for TFMA."""

    def __init__(self, head: metric_types.MetricKey, eval_config: Any) -> None:
        self._head = head
        self._eval_config = eval_config

    def create_accumulator(self) -> Any:
        raise NotImplementedError

    def extract_output(self, sums: Any) -> dict[metric_types.MetricKey, float]:
        raise NotImplementedError

    def _images(
        self, element: metric_types.StandardMetricInputs
    ) -> Iterable[tuple[bool, NDArray[np.float64]]]:
        """Whether the image has ships, and the head's numbers of it."""
        for label, numbers, _ in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._head.model_name,
            output_name=self._head.output_name,
            flatten=False,
            squeeze=False,
            allow_none=True,
        ):
            yield bool(label.reshape(-1)[0]), numbers.reshape(-1).astype(np.float64)

    def _named(self, figures: Mapping[str, Figure | None]) -> dict[metric_types.MetricKey, float]:
        numbers = {}
        for name, figure in figures.items():
            value = figure or Figure(np.nan)
            numbers[self._head._replace(name=name)] = value.value
            for suffix, bound in ((LOWER, value.lower), (UPPER, value.upper)):
                numbers[self._head._replace(name=name + suffix)] = np.nan if bound is None else bound
        return numbers


class _MaskCombiner(_HeadCombiner):
    """Adds up the numbers of a mask head; of a candidate beside a baseline, those of both."""

    def create_accumulator(self) -> Moments:
        # TFMA names a model only where there are two.
        return Moments.none(len(PLACE) * (2 if self._head.model_name == CANDIDATE else 1))

    def add_input(self, sums: Moments, element: metric_types.StandardMetricInputs) -> Moments:
        for _, numbers in self._images(element):
            sums = sums.with_image(numbers)
        return sums

    def merge_accumulators(self, accumulators: Iterable[Moments]) -> Moments:
        merged = self.create_accumulator()
        for sums in accumulators:
            merged = merged.plus(sums)
        return merged

    def extract_output(self, sums: Moments) -> dict[metric_types.MetricKey, float]:
        counts = {
            self._head._replace(name=name): float(sums.total[place]) for name, place in MASK_COUNTS.items()
        }
        figures = {name: estimate(ratio, sums) for name, ratio in MASK_RATIOS.items()}
        if self._head.model_name == CANDIDATE:
            figures |= {name + GAIN: estimate_gain(ratio, sums) for name, ratio in MASK_RATIOS.items()}
        return counts | self._named(figures)


@dataclass
class _Judgements:
    """What the classifier said of the images of a slice: its rates, and each score for the exact AUC.

    Attributes:
        rates: sums over tp, fp, fn, tn; of a candidate beside a baseline, of both.
        scores: probability of each image, of each of these models.
        positive: whether the image has ships.
    """

    rates: Moments
    scores: "list[array[float]]"
    positive: bytearray = field(default_factory=bytearray)


class _ClassifierCombiner(_HeadCombiner):
    """Collects what the classifier said; 5 bytes an image, 9 of a candidate beside a baseline."""

    def create_accumulator(self) -> _Judgements:
        models = 2 if self._head.model_name == CANDIDATE else 1
        return _Judgements(Moments.none(_CLASSIFIER_NUMBERS * models), [array("f") for _ in range(models)])

    def add_input(self, sums: _Judgements, element: metric_types.StandardMetricInputs) -> _Judgements:
        for has_ship, numbers in self._images(element):
            probabilities, said = numbers[::2], numbers[1::2]
            there, silent = float(has_ship), 1.0 - has_ship
            rates = [there * said, silent * said, there * (1 - said), silent * (1 - said)]
            sums.rates = sums.rates.with_image(np.array(rates).T.reshape(-1))
            for scores, probability in zip(sums.scores, probabilities, strict=True):
                scores.append(probability)
            sums.positive.append(has_ship)
        return sums

    def merge_accumulators(self, accumulators: Iterable[_Judgements]) -> _Judgements:
        merged = self.create_accumulator()
        for sums in accumulators:
            merged.rates = merged.rates.plus(sums.rates)
            for scores, more in zip(merged.scores, sums.scores, strict=True):
                scores.extend(more)
            merged.positive.extend(sums.positive)
        return merged

    def extract_output(self, sums: _Judgements) -> dict[metric_types.MetricKey, float]:
        scores = [np.array(of_model, np.float32) for of_model in sums.scores]
        positive = np.frombuffer(bytes(sums.positive), np.bool_)
        # The candidate's numbers come first.
        figures = {name: estimate(ratio, sums.rates) for name, ratio in CLASSIFIER_RATIOS.items()}
        figures[AUC] = roc_auc(scores[0], positive)
        if self._head.model_name == CANDIDATE:
            figures |= {
                name + GAIN: estimate_gain(ratio, sums.rates) for name, ratio in CLASSIFIER_RATIOS.items()
            }
            own, pushed = scores
            figures[AUC + GAIN] = roc_auc_gain(own, pushed, positive)
        return self._named(figures)


def _computations_with(combiner: type[_HeadCombiner]) -> Any:
    # TFMA passes further keyword arguments (sub keys, class weights) only to functions that declare them.
    def computations(
        name: str, eval_config: Any = None, model_name: str = "", output_name: str = ""
    ) -> list[metric_types.MetricComputation]:
        head = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        made = combiner(head, eval_config)
        keys = list(made.extract_output(made.create_accumulator()))
        return [metric_types.MetricComputation(keys=keys, preprocessors=None, combiner=made)]

    return metric_util.merge_per_key_computations(computations)


class MaskMetrics(metric_types.Metric):
    """Metrics of a mask head, see the table above."""

    def __init__(self, name: str = "masks") -> None:
        super().__init__(_computations_with(_MaskCombiner), name=name)


class ClassifierMetrics(metric_types.Metric):
    """Metrics of the classifier's head, see the table above."""

    def __init__(self, name: str = "judgements") -> None:
        super().__init__(_computations_with(_ClassifierCombiner), name=name)


metric_types.register_metric(MaskMetrics)
metric_types.register_metric(ClassifierMetrics)
