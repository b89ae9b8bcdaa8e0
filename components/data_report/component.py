"""DataReport component: one page about the data set as a whole."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.code_digest import code_digest
from components.data_gate.artifact import DataSetReport
from components.data_gate.settings import AcceptanceSettings
from components.data_report.executor import Executor
from components.data_report.page import TEMPLATES
from components.data_report.settings import DataReportSettings
from components.pages.rendering import templates_digest
from components.ship_example_gen.component import LabelReport


class DataReportSpec(component_spec.ComponentSpec):
    """Contract of the DataReport."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "source": component_spec.ExecutionParameter(type=str),
        "model_store": component_spec.ExecutionParameter(type=str),
        "acceptance": component_spec.ExecutionParameter(type=str),
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
        "report": component_spec.ChannelParameter(type=DataSetReport),
    }


class DataReport(base_component.BaseComponent):
    """Judges a data set by the rules of `components.data_gate`, and shows it on a page for people.

    Outputs:
        report: `data_report.html`, one file that needs no other and no network, and `judgement.json`.
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
        model_store: str,
        acceptance: AcceptanceSettings,
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
            model_store: the data of its latest version is what drift is measured against. It is looked at
                once per data set: a cached verdict stands.
            acceptance: the rules.
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
                model_store=model_store,
                acceptance=acceptance.model_dump_json(),
                settings=(settings or DataReportSettings()).model_dump_json(),
                code_digest=f"{code_digest('components.data_report.executor')}{templates_digest(TEMPLATES)}",
                report=channel_utils.as_channel([DataSetReport()]),
            )
        )
