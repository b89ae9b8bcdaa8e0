"""ImageScreener component: quarantines the images that no ordinary satellite image looks like."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.image_screener.executor import Executor
from components.image_screener.settings import ScreeningSettings


class ImageScreenerSpec(component_spec.ComponentSpec):
    """Contract of the ImageScreener."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "settings": component_spec.ExecutionParameter(type=str),
        "decisions": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        # Not "examples": TFX wants input and output names of a component to differ.
        "raw_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class ImageScreener(base_beam_component.BaseBeamComponent):
    """Judges every image by the ranges of the schema.

    Outputs:
        examples: Examples with the same splits, the ordinary images, records as they were.
        quarantine: Examples with one split "quarantine": the others, with the reasons in the feature
            `quarantine_reasons`; beside it `quarantine.csv` for people, which lists images that were only
            warned of, or restored by a person, too.
    """

    SPEC_CLASS = ImageScreenerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        settings: ScreeningSettings,
        decisions: str = "",
    ) -> None:
        """Wire the screener.

        Args:
            examples: Examples with the splits of `components.examples.SPLITS`.
            schema: curated schema, see `schemas/ship_images.pbtxt`.
            settings: whether outliers are set aside.
            decisions: table of what people decided about single images (see `decisions`), "" for none. Its
                path must change with its content, since the cache knows it by that.
        """
        super().__init__(
            spec=ImageScreenerSpec(
                raw_examples=examples,
                schema=schema,
                settings=settings.model_dump_json(),
                decisions=decisions,
                code_digest=code_digest("components.image_screener.executor"),
                examples=channel_utils.as_channel([standard_artifacts.Examples()]),
                quarantine=channel_utils.as_channel([standard_artifacts.Examples()]),
            )
        )
