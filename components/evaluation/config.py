"""The TFMA configuration: heads, slices, metrics. Rules are held against its results, see `rules`."""

from tensorflow_model_analysis.proto import config_pb2

from components.evaluation.names import BASELINE, CANDIDATE, CASCADE, CLASSIFIER, SEGMENTER
from components.evaluation.settings import EvaluationSettings
from components.examples import HAS_SHIP, SHIP_GROUP

_INTERVALS = {
    "jackknife": config_pb2.ConfidenceIntervalOptions.JACKKNIFE,
    "bootstrap": config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP,
}


def eval_config(settings: EvaluationSettings, columns: tuple[str, ...] = ()) -> config_pb2.EvalConfig:
    """TFMA EvalConfig for a candidate detector against the latest pushed one.

    Dice is measured for the segmenter alone and for the cascade that is served, the usual rates for the
    classifier; overall, with and without ships, by ship group and by further columns of the scene table.

    Args:
        settings: intervals, which columns.
        columns: the further columns that the Examples carry.
    """
    sliced_by = columns if settings.slice_columns is None else settings.slice_columns
    model_specs = [
        config_pb2.ModelSpec(
            name=name,
            is_baseline=name == BASELINE,
            signature_name="evaluate",
            # The heads carry the comparison with the label already, except the classifier's.
            label_keys=dict.fromkeys((CLASSIFIER, SEGMENTER, CASCADE), HAS_SHIP),
        )
        for name in (CANDIDATE, BASELINE)
    ]
    options = config_pb2.Options()
    if settings.confidence_intervals != "none":
        options.compute_confidence_intervals.value = True
        options.confidence_intervals.method = _INTERVALS[settings.confidence_intervals]
    return config_pb2.EvalConfig(
        model_specs=model_specs,
        slicing_specs=_slicing_specs(sliced_by),
        metrics_specs=[
            config_pb2.MetricsSpec(
                output_names=[CLASSIFIER],
                metrics=[
                    config_pb2.MetricConfig(class_name=name)
                    for name in ("AUC", "Precision", "Recall", "BinaryAccuracy", "ExampleCount")
                ],
            ),
            config_pb2.MetricsSpec(output_names=[SEGMENTER], metrics=_dice_metrics()),
            config_pb2.MetricsSpec(output_names=[CASCADE], metrics=_dice_metrics()),
        ],
        options=options,
    )


def _slicing_specs(columns: tuple[str, ...]) -> list[config_pb2.SlicingSpec]:
    return [
        config_pb2.SlicingSpec(),
        *(config_pb2.SlicingSpec(feature_keys=[column]) for column in (HAS_SHIP, SHIP_GROUP)),
        # By column alone, the share of empty images would tell more than the model does.
        *(config_pb2.SlicingSpec(feature_keys=[column, HAS_SHIP]) for column in columns),
    ]


def _dice_metrics() -> list[config_pb2.MetricConfig]:
    names = ("MeanDice", "DiceStandardError", "PixelDice")
    return [
        config_pb2.MetricConfig(class_name=name, module="components.evaluation.metrics") for name in names
    ]
