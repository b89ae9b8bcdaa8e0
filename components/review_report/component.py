"""ReviewReport component: one page about a judged model."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts
from tfx.utils import json_utils

from components.code_digest import code_digest
from components.data_gate.artifact import DataSetReport
from components.pages.rendering import templates_digest
from components.review_report.artifact import ModelReview
from components.review_report.executor import Executor
from components.review_report.page import TEMPLATES
from components.review_report.settings import ReviewSettings


class ReviewReportSpec(component_spec.ComponentSpec):
    """Contract of the ReviewReport."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "example_splits": component_spec.ExecutionParameter(type=str),
        "data_digest": component_spec.ExecutionParameter(type=str),
        "root": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "data_report": component_spec.ChannelParameter(type=DataSetReport),
        "segmenter": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "classifier": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "review": component_spec.ChannelParameter(type=ModelReview),
    }


class ReviewReport(base_component.BaseComponent):
    """Shows a judged model to the person who lets it be pushed.

    Outputs:
        review: `index.html`, one file that needs no other and no network.
    """

    SPEC_CLASS = ReviewReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        baseline_model: channel.BaseChannel,
        data_report: channel.BaseChannel,
        segmenter: channel.BaseChannel,
        classifier: channel.BaseChannel | None,
        splits: list[str],
        settings: ReviewSettings,
        data_digest: str = "",
        root: str = "",
    ) -> None:
        """Wire the report.

        Args:
            examples: screened Examples that the evaluator read.
            model: the candidate.
            evaluation: ShipEvaluator's.
            baseline_model: a Model artifact that may be empty, see `components.baseline`.
            data_report: DataReport's.
            segmenter: as its trainer left it, with `history.json`.
            classifier: likewise; None if the settings ask for no cascade.
            splits: names of the test splits.
            settings: how many images are looked at.
            data_digest: of the ingested files, told on the page.
            root: value of --root in the commands that the page tells; "" if there is no such folder.
        """
        super().__init__(
            spec=ReviewReportSpec(
                examples=examples,
                model=model,
                evaluation=evaluation,
                baseline_model=baseline_model,
                data_report=data_report,
                segmenter=segmenter,
                classifier=classifier,
                example_splits=json_utils.dumps(splits),
                data_digest=data_digest,
                root=root,
                settings=settings.model_dump_json(),
                code_digest=f"{code_digest('components.review_report.executor')}{templates_digest(TEMPLATES)}",
                review=channel_utils.as_channel([ModelReview()]),
            )
        )
