"""ShipDetector component: two trained networks in, one SavedModel out."""

import json
from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.ship_detector.executor import Executor
from components.ship_detector.settings import DetectorSettings
from components.transform.settings import ContrastSettings


class ShipDetectorSpec(component_spec.ComponentSpec):
    """Contract of the ShipDetector."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "settings": component_spec.ExecutionParameter(type=str),
        "contrast": component_spec.ExecutionParameter(type=str),
        "recipe": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "classifier": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        "segmenter": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }


class ShipDetector(base_component.BaseComponent):
    """Joins classifier and segmenter into one model from image bytes to masks, with thresholds tuned on eval.

    Example:
        detector = ShipDetector(
            classifier=classifier.outputs["model"],
            segmenter=segmenter.outputs["model"],
            examples=screener.outputs["examples"],
            statistics=statistics_gen.outputs["statistics"],
            settings=DetectorSettings(),
            contrast=ContrastSettings(),
        )

    Outputs:
        model: `Format-Serving/`, a SavedModel (see `signatures.signatures`) with
            `assets.extra/thresholds.json`, the report of the chosen thresholds, and
            `assets.extra/data_statistics/` and `assets.extra/settings.json`; beside it the same
            `thresholds.json`.
    """

    SPEC_CLASS = ShipDetectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        classifier: channel.BaseChannel | None,
        segmenter: channel.BaseChannel,
        examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        settings: DetectorSettings,
        contrast: ContrastSettings,
        recipe: dict[str, Any] | None = None,
    ) -> None:
        """Wire the detector.

        Args:
            classifier: Model with `model.keras` and `history.json`, as trainer "Classifier" leaves it; None
                if the settings ask for no cascade.
            segmenter: the same of trainer "Segmenter".
            examples: screened raw Examples, of which only eval_ships and eval_empty are read.
            statistics: of the data set, kept with the model.
            settings: cascade, tiling, test-time augmentation, thresholds.
            contrast: the adjustment that Transform made for both trainers.
            recipe: settings by section (JSON values) of all stages that made the model; kept with it.
        """
        super().__init__(
            spec=ShipDetectorSpec(
                classifier=classifier,
                segmenter=segmenter,
                examples=examples,
                statistics=statistics,
                settings=settings.model_dump_json(),
                contrast=contrast.model_dump_json(),
                recipe=json.dumps(recipe or {}),
                code_digest=code_digest("components.ship_detector.executor"),
                model=channel_utils.as_channel([standard_artifacts.Model()]),
            )
        )
