"""Executor of DataReport: the edges between TFX and the page."""

import posixpath

from absl import logging
from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.baseline.model_store import accepted_statistics
from components.data_gate.artifact import PAGE_FILE
from components.data_gate.judgement import JUDGEMENT_FILE, to_json
from components.data_gate.rules import Evidence, judge
from components.data_gate.settings import AcceptanceSettings
from components.data_report.collect import Sources, survey
from components.data_report.page import render
from components.data_report.settings import DataReportSettings


class Executor(base_executor.BaseExecutor):
    """Writes the page about the data set; a plain pass over the images, without Beam."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Inputs and outputs as `DataReport` declares them."""
        uris = {name: artifact_utils.get_single_uri(artifacts) for name, artifacts in input_dict.items()}
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uris.pop("schema")))
        settings = DataReportSettings.model_validate_json(str(exec_properties["settings"]))
        found = survey(Sources(**uris), schema, settings)
        judgement = judge(
            Evidence(
                statistics=uris["statistics"],
                anomalies=uris["anomalies"],
                quarantine=uris["quarantine"],
                accepted=accepted_statistics(str(exec_properties["model_store"])),
            ),
            schema,
            AcceptanceSettings.model_validate_json(str(exec_properties["acceptance"])),
        )
        folder = artifact_utils.get_single_uri(output_dict["report"])
        page = posixpath.join(folder, PAGE_FILE)
        with FileSystems.create(posixpath.join(folder, JUDGEMENT_FILE), mime_type="application/json") as file:
            file.write(to_json(judgement))
        with FileSystems.create(page, mime_type="text/html") as file:
            file.write(render(found, judgement, str(exec_properties.get("source") or "")).encode())
        logging.info(
            "DataReport: %d images = %d accepted + %d quarantined; the page is %s",
            found.total.images,
            found.total.accepted,
            found.total.quarantined,
            page,
        )
