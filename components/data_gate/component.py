"""DataGate component: stops the run before anything is trained on data that the rules refuse."""

import posixpath

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, component_spec

from components.code_digest import code_digest
from components.data_gate.artifact import PAGE_FILE, DataSetReport
from components.data_gate.judgement import JUDGEMENT_FILE, from_json
from components.errors import ShipsError
from components.files import read_bytes


class DataRefusedError(ShipsError):
    """The rules of the acceptance stop the run; the message names the numbers and the page to look at."""


class Executor(base_executor.BaseExecutor):
    """Passes, or raises."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Input `report`; no output.

        Raises:
            DataRefusedError: a rule that stops the run is not kept.
        """
        uri = artifact_utils.get_single_uri(input_dict["report"])
        judgement = from_json(read_bytes(posixpath.join(uri, JUDGEMENT_FILE)))
        page = posixpath.join(uri, PAGE_FILE)
        for rule in judgement.breached("warn"):
            logging.warning("DataGate: %s; see %s", rule, page)
        if judgement.stopped:
            told = "\n".join(f"  {rule}" for rule in judgement.breached("stop"))
            raise DataRefusedError(
                f"the data set is not accepted:\n{told}\n"
                f"Look at {page}, then mend the data, overrule single images (ships quarantine), or change "
                "the settings of the sections acceptance and screening."
            )


class DataGateSpec(component_spec.ComponentSpec):
    """Contract of the DataGate."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "report": component_spec.ChannelParameter(type=DataSetReport),
    }
    OUTPUTS: dict[str, component_spec.ChannelParameter] = {}  # noqa: RUF012


class DataGate(base_component.BaseComponent):
    """Lets a run go on only with a data set that keeps the rules; later stages wait for it."""

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, report: channel.BaseChannel) -> None:
        """Wire the gate.

        Args:
            report: DataReport's, with the judgement.
        """
        super().__init__(spec=DataGateSpec(report=report, code_digest=code_digest(__name__)))
