"""DataReport component: one page about the data set as a whole."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact, channel, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.data_report.executor import Executor
from components.data_report.page import templates_digest
from components.data_report.settings import DataReportSettings
from components.ship_example_gen.component import LabelReport


class DataSetPage(artifact.Artifact):
    """Folder with `data_report.html`, one file that needs no other and no network."""

    TYPE_NAME = "DataReport"


class DataReportSpec(component_spec.ComponentSpec):
    """Contract of the DataReport."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "source": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "raw_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "quarantine": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "label_report": component_spec.ChannelParameter(type=LabelReport),
    }
    OUTPUTS = {  # noqa: RUF012
        "data_report": component_spec.ChannelParameter(type=DataSetPage),
    }


class DataReport(base_component.BaseComponent):
    """Shows what is in a data set: counts, measures, thumbnails, anomalies, label issues and the quarantine.

    Outputs:
        data_report: `data_report.html`.
    """

    SPEC_CLASS = DataReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        raw_examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        anomalies: channel.BaseChannel,
        schema: channel.BaseChannel,
        quarantine: channel.BaseChannel,
        label_report: channel.BaseChannel,
        settings: DataReportSettings | None = None,
        source: str = "",
    ) -> None:
        """Wire the report.

        Args:
            raw_examples: Examples with the splits of `components.examples.SPLITS`, before screening.
            statistics: of these Examples, per split.
            anomalies: ExampleValidator's, per split.
            schema: curated schema, see `schemas/ship_images.pbtxt`.
            quarantine: the ImageScreener's.
            label_report: the ShipExampleGen's.
            settings: how many images are shown; the defaults if None.
            source: where the images come from, told on the page.
        """
        super().__init__(
            spec=DataReportSpec(
                raw_examples=raw_examples,
                statistics=statistics,
                anomalies=anomalies,
                schema=schema,
                quarantine=quarantine,
                label_report=label_report,
                source=source,
                settings=(settings or DataReportSettings()).model_dump_json(),
                code_digest=f"{code_digest('components.data_report.executor')}{templates_digest()}",
                data_report=channel_utils.as_channel([DataSetPage()]),
            )
        )
