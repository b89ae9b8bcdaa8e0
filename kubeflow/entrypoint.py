"""What the containers of a compiled pipeline run: `python -m kubeflow.entrypoint`.

Between KFP's launcher and a TFX executor: the launcher hands over an ExecutorInput (JSON) with URIs and
without artifact types, and expects an ExecutorOutput with URIs; TFX opens the URIs it is given.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.beam_files import filesystems, use_beam_options
from components.errors import InputError, SettingsError, ShipsError
from kubeflow.names import PLAN, PROPERTIES
from kubeflow.staging import Staging, make_folder
from pipeline.beam_settings import check_reached, outside_runner

_EXIT_FAILED, _EXIT_BAD_INPUT = 1, 2
# The launcher stages at the root of the container; tasks that are run outside of one need another place.
_STAGING_ROOT = "SHIPS_STAGING_ROOT"
# Workers in other pods do not see what is staged in this one, but Beam and TensorFlow both open this scheme
# (s3:// only Beam). What they write there, the launcher need not upload: the staged folder is not there.
_OPENED_BY_WORKERS = "gs://"

Message = dict[str, Any]


def main(argv: list[str]) -> int:
    """Run one task; gives the exit code: 0 done, 1 failed, 2 parameters or data cannot be used."""
    arguments, beam_args = _parser().parse_known_args(argv)
    staging = Staging(Path(os.environ.get(_STAGING_ROOT, "/")))
    task = json.loads(arguments.executor_input)
    # Read when TensorFlow loads; the second as in `pipeline.run_command`.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.basicConfig()
    logging.getLogger("ships").setLevel(logging.INFO)
    try:
        # Listings, tables, images and artifacts are opened outside of any Beam pipeline, too.
        use_beam_options(beam_args)
        filesystems()
        if arguments.task == PLAN:
            # What would fail the first stage ends the run here.
            _check_job_service(beam_args)
            _plan(task)
        else:
            _run_stage(task, arguments.executor, json.loads(arguments.artifacts), beam_args, staging)
    except ShipsError as error:
        _tell(arguments.task, staging.told(str(error)))
        return _EXIT_BAD_INPUT if isinstance(error, InputError | SettingsError) else _EXIT_FAILED
    except Exception as error:
        traceback.print_exc()
        # Beam folds a worker's whole traceback into the message; what happened stands in its last line.
        lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
        _tell(arguments.task, f"{type(error).__name__}: {staging.told(lines[-1])}")
        return _EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubeflow.entrypoint", allow_abbrev=False)
    parser.add_argument("--task", required=True, help="Name of the task.")
    parser.add_argument("--executor-input", required=True, help="ExecutorInput as JSON; {{$}} in the spec.")
    parser.add_argument("--executor", help="Class of the TFX executor; the plan has none.")
    parser.add_argument("--artifacts", help="JSON: classes of the input and output artifacts by their names.")
    return parser


def _check_job_service(beam_args: list[str]) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions  # noqa: PLC0415

    check_reached(PipelineOptions(beam_args).view_as(PortableOptions).job_endpoint or "")


def _plan(task: Message) -> None:
    from kubeflow.plan import plan  # noqa: PLC0415

    outputs = task["outputs"]["parameters"]
    for name, properties in plan(task["inputs"]["parameterValues"], outputs).items():
        file = Path(outputs[name]["outputFile"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(properties, encoding="utf-8")


def _run_stage(
    task: Message, executor: str, types: dict[str, str], beam_args: list[str], staging: Staging
) -> None:
    """Run a TFX executor on staged artifacts, by TFX's own container entrypoint."""
    from rich.console import Console  # noqa: PLC0415
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor  # noqa: PLC0415
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor  # noqa: PLC0415
    from tfx.utils.import_utils import import_class_by_path  # noqa: PLC0415

    from pipeline.beam import beam_in_this_process  # noqa: PLC0415
    from pipeline.console import ProgressDisplay  # noqa: PLC0415

    elsewhere = outside_runner(beam_args) and issubclass(import_class_by_path(executor), BaseBeamExecutor)
    if elsewhere:
        _check_job_service(beam_args)
    for name, artifact in _artifacts(task):
        # A schema title that TFX does not know is taken for the path of a class.
        artifact["type"] = {"schemaTitle": types[name]}
        if elsewhere and artifact["uri"].startswith(_OPENED_BY_WORKERS):
            continue
        artifact["uri"] = staging.path(artifact["uri"])
        make_folder(artifact["uri"])
    properties = json.loads(task["inputs"]["parameterValues"][PROPERTIES])
    task["inputs"]["parameterValues"] = properties
    arguments = argparse.Namespace(
        executor_class_path=executor,
        json_serialized_invocation_args=json.dumps(task),
        json_serialized_inputs_spec_args=json.dumps(_parameter_types(properties)),
    )
    # The log of the pod is all that can be seen of a task while it runs.
    with beam_in_this_process(), ProgressDisplay(Console(stderr=True)):
        kubeflow_v2_run_executor.main((arguments, beam_args))
    output_file = Path(task["outputs"]["outputFile"])
    told = json.loads(output_file.read_text(encoding="utf-8"))
    for artifacts in told.get("artifacts", {}).values():
        for artifact in artifacts["artifacts"]:
            artifact["uri"] = staging.uri(artifact["uri"])
            # The launcher cannot record a property without a value.
            given = artifact.get("metadata", {}).items()
            artifact["metadata"] = {key: value for key, value in given if value is not None}
    output_file.write_text(json.dumps(told), encoding="utf-8")


def _artifacts(task: Message) -> Iterator[tuple[str, Message]]:
    """Input and output artifacts with their names; in TFX, no input has the name of an output."""
    for side in ("inputs", "outputs"):
        for name, artifacts in task.get(side, {}).get("artifacts", {}).items():
            for artifact in artifacts["artifacts"]:
                yield name, artifact


def _parameter_types(properties: Message) -> Message:
    """ComponentInputsSpec by which TFX tells integers from other numbers, which JSON does not."""
    kinds = {int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", bool: "BOOLEAN", str: "STRING"}
    return {"parameters": {name: {"parameterType": kinds[type(v)]} for name, v in properties.items()}}


def _tell(name: str, message: str) -> None:
    print(f"ships: {name} failed: {message}", file=sys.stderr)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Not through the interpreter's own end, in which destructors of native libraries may abort a task that
    # has done its work ("pure virtual method called"; patch 8 of sky-uk/kfp-operator's tfx-patch).
    os._exit(code)
