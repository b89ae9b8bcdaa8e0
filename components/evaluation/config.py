"""The TFMA configuration: heads, slices, metrics. Rules are held against its results, see `rules`."""

from tensorflow_model_analysis.proto import config_pb2

from components.errors import SettingsError
from components.evaluation.names import BASELINE, CANDIDATE, CASCADE, CLASSIFIER, SEGMENTER, SHIP_SIZE
from components.evaluation.settings import EvaluationSettings
from components.examples import HAS_SHIP, SHIP_GROUP

_METRICS = "components.evaluation.metrics"
_INTERVALS = {
    "jackknife": config_pb2.ConfidenceIntervalOptions.JACKKNIFE,
    "bootstrap": config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP,
}


def eval_config(settings: EvaluationSettings, columns: tuple[str, ...] = ()) -> config_pb2.EvalConfig:
    """TFMA EvalConfig for a candidate detector against the latest pushed one.

    Masks are measured for the segmenter alone and for the cascade that is served, the usual rates for the
    classifier; overall, with and without ships, by ship group, by ship size, by further columns of the scene
    table and by the crosses of such features.

    Args:
        settings: intervals, which columns and crosses.
        columns: the further columns that the Examples carry.

    Raises:
        SettingsError: a column or a cross of features that the Examples do not carry.
    """
    sliced_by = columns if settings.slice_columns is None else settings.slice_columns
    if absent := sorted(set(sliced_by) - set(columns)):
        raise SettingsError(
            f"evaluation.slice_columns: there is no {' and no '.join(absent)}, only "
            f"{', '.join(columns) or 'the columns that scenes.csv would have'}"
        )
    crosses = settings.crosses
    if crosses is None:
        # By column alone, the share of empty images tells more than the model does.
        crosses = tuple((column, HAS_SHIP) for column in sliced_by)
    known = {HAS_SHIP, SHIP_GROUP, SHIP_SIZE, *columns}
    if unknown := sorted({name for cross in crosses for name in cross} - known):
        raise SettingsError(
            f"evaluation.crosses: there is no {' and no '.join(unknown)}, only {', '.join(sorted(known))}"
        )
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
        slicing_specs=_slicing_specs(sliced_by, crosses),
        metrics_specs=[
            config_pb2.MetricsSpec(
                output_names=[CLASSIFIER],
                metrics=[
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    config_pb2.MetricConfig(class_name="ClassifierMetrics", module=_METRICS),
                ],
            ),
            config_pb2.MetricsSpec(
                output_names=[SEGMENTER, CASCADE],
                metrics=[config_pb2.MetricConfig(class_name="MaskMetrics", module=_METRICS)],
            ),
        ],
        options=options,
    )


def _slicing_specs(
    columns: tuple[str, ...], crosses: tuple[tuple[str, ...], ...]
) -> list[config_pb2.SlicingSpec]:
    features = [(), (HAS_SHIP,), (SHIP_GROUP,), (SHIP_SIZE,), *((column,) for column in columns), *crosses]
    # A cross may name one feature only, which is sliced by already; TFMA would count its images twice.
    distinct = {frozenset(keys): keys for keys in features}
    return [config_pb2.SlicingSpec(feature_keys=keys) for keys in distinct.values()]
