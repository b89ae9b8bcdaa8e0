"""Baseline component: hands on the latest pushed model, or an empty artifact before the first push."""

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, channel_utils, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from components.baseline.model_store import latest_version
from components.code_digest import code_digest


class BaselineSpec(component_spec.ComponentSpec):
    """Contract of the Baseline component."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "store": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "candidate": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }


class Executor(base_executor.BaseExecutor):
    """Copies the latest pushed version into the output artifact."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """See the class; the candidate in `input_dict` only decides when this runs."""
        model = artifact_utils.get_single_instance(output_dict["model"])
        version = latest_version(str(exec_properties["store"]))
        if version is None:
            logging.info("Baseline: no model was pushed yet")
            return
        io_utils.copy_dir(version, path_utils.serving_model_dir(model.uri))
        logging.info("Baseline: %s", version)


class Baseline(base_component.BaseComponent):
    """Finds the model against which a candidate is judged.

    The candidate is an input for the cache's sake: the store is looked at once per candidate. An unchanged
    run would otherwise see the model it has just pushed as a new baseline and evaluate all over again.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, candidate: channel.BaseChannel, store: str) -> None:
        """Wire the component.

        Args:
            candidate: the Model artifact that will be judged.
            store: the folder into which Pusher pushes.
        """
        super().__init__(
            spec=BaselineSpec(
                candidate=candidate,
                store=store,
                code_digest=code_digest("components.baseline.component"),
                model=channel_utils.as_channel([standard_artifacts.Model()]),
            )
        )
