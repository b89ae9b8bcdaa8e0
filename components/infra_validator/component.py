"""InfraValidator component: emits the infra blessing that Pusher obeys, beside the model's."""

import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, channel_utils, component_spec, standard_artifacts
from tfx.utils import io_utils, json_utils, path_utils

from components.code_digest import code_digest
from components.files import write_bytes
from components.infra_validator.settings import InfraValidationSettings
from components.infra_validator.validation import expectations, validate
from components.tfrecords import read_records

VERDICT_FILE = "infra_validation.json"
REASON = "reason"
_NAME = "ships"


class Executor(base_executor.BaseExecutor):
    """Starts the server, asks it, judges it."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Inputs `model` and `examples`, output `blessing`; see the component.

        Raises:
            InputError: the server's command cannot be run, or the splits hold no image.
        """
        model = artifact_utils.get_single_uri(input_dict["model"])
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        settings = InfraValidationSettings.model_validate_json(str(exec_properties["settings"]))
        command: list[str] = json_utils.loads(str(exec_properties["command"]))
        splits: list[str] = json_utils.loads(str(exec_properties["splits"]))
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            version = scratch / "models" / _NAME / "1"
            io_utils.copy_dir(path_utils.serving_model_dir(model), str(version))
            asked = list(islice(_in_turn(read_records(examples, split) for split in splits), settings.images))
            expected = expectations(version, asked)
            verdict = validate(
                expected,
                settings,
                models=scratch / "models",
                name=_NAME,
                command=command,
                scratch=scratch,
            )
        write_bytes(posixpath.join(blessing.uri, VERDICT_FILE), verdict.to_json())
        # Named as TFX's InfraValidator does.
        write_bytes(
            posixpath.join(blessing.uri, "INFRA_BLESSED" if verdict.blessed else "INFRA_NOT_BLESSED"), b""
        )
        blessing.set_int_custom_property("blessed", int(verdict.blessed))
        blessing.set_string_custom_property(REASON, verdict.reason)
        logging.info(
            "InfraValidator: %s: %s", "blessed" if verdict.blessed else "not blessed", verdict.reason
        )


def _in_turn(sources: Iterable[Iterator[bytes]]) -> Iterator[bytes]:
    """One of each source after the other, until all are at their end."""
    for row in zip_longest(*sources):
        yield from (one for one in row if one is not None)


class InfraValidatorSpec(component_spec.ComponentSpec):
    """Contract of the InfraValidator."""

    PARAMETERS = {  # noqa: RUF012 (declared so by TFX)
        "settings": component_spec.ExecutionParameter(type=str),
        "command": component_spec.ExecutionParameter(type=str),
        "splits": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {  # noqa: RUF012
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class InfraValidator(base_component.BaseComponent):
    """Blesses a candidate with which a fresh server answers as evaluated, in bounded time and memory.

    TFX's own InfraValidator needs Docker or Kubernetes and looks at no answer. A refusal does not end the
    run: Pusher pushes nothing, and the reason is kept.

    Outputs:
        blessing: properties `blessed` and `reason`, and `infra_validation.json` with the figures.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: channel.BaseChannel,
        examples: channel.BaseChannel,
        splits: Sequence[str],
        command: Sequence[str],
        settings: InfraValidationSettings,
    ) -> None:
        """Wire the validator.

        Args:
            model: the candidate, a detector with an `evaluate` signature.
            examples: screened raw Examples.
            splits: those whose images the server is asked about, taking turns.
            command: the server unless the settings name another, see `server.serving`.
            settings: number of images and bounds.
        """
        super().__init__(
            spec=InfraValidatorSpec(
                model=model,
                examples=examples,
                settings=settings.model_dump_json(),
                command=json_utils.dumps(list(settings.command or command)),
                splits=json_utils.dumps(list(splits)),
                code_digest=code_digest("components.infra_validator.component"),
                blessing=channel_utils.as_channel([standard_artifacts.InfraBlessing()]),
            )
        )
