"""`ships compile`: the pipeline of `pipeline.dag` as a KFP v2 pipeline spec, version 2.1.0.

Not by TFX's KubeflowV2DagRunner: its output does not run on open-source Kubeflow, see docs/kubeflow.md.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components import Trainer
from tfx.dsl.components.base import base_component
from tfx.types import channel
from tfx.utils import name_utils

from components.errors import SettingsError
from components.evaluation.settings import EvaluationSettings
from kubeflow.names import (
    COMPILED_SETTINGS,
    PLAN,
    PROPERTIES,
    RunParameter,
    component_name,
    executor_name,
    run_parameters,
    task_name,
)
from kubeflow.platform_spec import kubernetes_config, resources
from kubeflow.staging import is_staged
from pipeline.beam_settings import is_dataflow, outside_runner
from pipeline.dag import NEVER_CACHED, DataSource, create_pipeline
from pipeline.names import PIPELINE_NAME
from pipeline.settings import Settings

# The only version that the backend accepts.
_SCHEMA_VERSION = "2.1.0"
_ENTRYPOINT = ("python", "-m", "kubeflow.entrypoint")
# Artifact types that KFP's UI has a name for; what TFX needs to know travels with the command.
_SYSTEM_TYPES = {"Examples": "system.Dataset", "Model": "system.Model", "PushedModel": "system.Model"}
# Their failure is a verdict, which another attempt would only repeat.
_NEVER_RETRIED = frozenset({"DataGate"})
# Argo's maxDuration, which this becomes, is no cap on a pause: counted from the start of the first attempt,
# it ends the running one and forbids further ones. A week, so that it ends none.
_RETRY_WINDOW = "604800s"

Message = dict[str, Any]


def as_yaml(spec: Message, platform: Message) -> str:
    """Both documents in one file, as KFP's clients and its UI take it."""
    return yaml.safe_dump_all([spec, platform], sort_keys=True, width=110)


def compile_pipeline(settings: Settings) -> tuple[Message, Message]:
    """Pipeline spec and platform spec, as JSON.

    All parameters of a run go to the task "plan" alone, which calls `create_pipeline` with them and hands
    each stage its execution properties (see `kubeflow.plan`). So KFP's cache, which compares parameters and
    input artifacts, sees exactly what TFX's would.

    Raises:
        SettingsError: Beam's workers would not see the artifacts.
    """
    _check_workers_see_artifacts(settings)
    stages = list(_stages(settings))
    builder = _Builder(settings)
    builder.add_plan([task_name(stage.id) for stage in stages])
    for stage in stages:
        builder.add_stage(stage)
    return builder.specs()


def _check_workers_see_artifacts(settings: Settings) -> None:
    """The launcher stages artifacts in the pod of the task, and Beam's workers are in pods of their own."""
    runner, root = outside_runner(settings.beam.options()), settings.kubeflow.pipeline_root
    if not runner or root.startswith("gs://"):
        return
    shared = any(is_staged(volume.path) for volume in settings.kubeflow.volumes)
    if is_dataflow(runner) or not shared:
        raise SettingsError(
            f"Beam's {runner}: its workers would not see the artifacts in kubeflow.pipeline_root = "
            f"{root!r}, which are staged in each task's pod; expected gs://bucket/folder"
            + (
                ""
                if is_dataflow(runner)
                else ", or one of kubeflow.volumes at the bucket's folder of the staging, such as "
                "/minio/mlpipeline, that is mounted by the workers too"
            )
        )


def _stages(settings: Settings) -> Iterator[base_component.BaseComponent]:
    """The stages in order; what depends on a run's parameters is left open, the plan fills it in."""
    # Rules may be about columns of a scene table that only a run names.
    graph_only = settings.model_copy(update={"evaluation": EvaluationSettings()})
    dag = create_pipeline(
        DataSource("", "", "", ""),
        graph_only,
        root="",
        model_store="",
        schema_file="",
        beam_pipeline_args=settings.beam.options(),
    )
    yield from dag.components


class _Builder:
    """Collects components, executors and tasks of a pipeline spec."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: Message = {}
        self._components: Message = {}
        self._executors: Message = {}
        self._kubernetes: Message = {}

    def add_plan(self, stages: list[str]) -> None:
        """The task that every other one takes its properties from; it looks at the data, so never cached."""
        parameters = {parameter.name: _STRING for parameter in self._run_parameters}
        self._add(
            PLAN,
            [],
            inputs={"parameters": {**parameters, COMPILED_SETTINGS: _STRING}},
            outputs={"parameters": dict.fromkeys(stages, _STRING)},
        )
        given: Message = {name: {"componentInputParameter": name} for name in parameters}
        given[COMPILED_SETTINGS] = {"runtimeValue": {"constant": self._settings.model_dump_json()}}
        self._tasks[PLAN]["inputs"] = {"parameters": given}

    def add_stage(self, stage: base_component.BaseComponent) -> None:
        """The task of a TFX component."""
        name = task_name(stage.id)
        types = {key: found.type for key, found in {**stage.inputs, **stage.outputs}.items()}
        paths = {key: name_utils.get_full_name(kind) for key, kind in types.items()}
        executor = name_utils.get_full_name(stage.executor_spec.executor_class)
        self._add(
            name,
            ["--executor", executor, "--artifacts", json.dumps(paths)],
            inputs={"artifacts": _artifacts(stage.inputs), "parameters": {PROPERTIES: _STRING}},
            outputs={"artifacts": _artifacts(stage.outputs)},
            trainer=isinstance(stage, Trainer),
        )
        task = self._tasks[name]
        task["inputs"] = {
            "parameters": {
                PROPERTIES: {"taskOutputParameter": {"producerTask": PLAN, "outputParameterKey": name}}
            },
            "artifacts": {key: _produced(found) for key, found in stage.inputs.items()},
        }
        # Not only those whose outputs it reads: the sampler waits for the gate, which has none.
        task["dependentTasks"] = sorted({PLAN, *(task_name(node.id) for node in stage.upstream_nodes)})
        if stage.id not in NEVER_CACHED:
            task["cachingOptions"] = {"enableCache": True}
        if self._settings.kubeflow.retries and stage.id not in _NEVER_RETRIED:
            task["retryPolicy"] = {
                "maxRetryCount": self._settings.kubeflow.retries,
                "backoffDuration": "30s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": _RETRY_WINDOW,
            }

    def specs(self) -> tuple[Message, Message]:
        """Both documents; through the protocol buffers, which refuse what they do not know."""
        spec = json_format.ParseDict(
            {
                "schemaVersion": _SCHEMA_VERSION,
                "sdkVersion": "ships",
                "pipelineInfo": {"name": PIPELINE_NAME},
                "defaultPipelineRoot": self._settings.kubeflow.pipeline_root,
                "root": {
                    "inputDefinitions": {"parameters": {p.name: _root(p) for p in self._run_parameters}},
                    "dag": {"tasks": self._tasks},
                },
                "components": self._components,
                "deploymentSpec": json_format.MessageToDict(
                    json_format.ParseDict(
                        {"executors": self._executors}, pipeline_spec_pb2.PipelineDeploymentConfig()
                    )
                ),
            },
            pipeline_spec_pb2.PipelineSpec(),
        )
        platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": self._kubernetes}}}}
        return json_format.MessageToDict(spec), platform

    @property
    def _run_parameters(self) -> tuple[RunParameter, ...]:
        return run_parameters(self._settings.kubeflow.root)

    def _add(
        self, name: str, arguments: list[str], *, inputs: Message, outputs: Message, trainer: bool = False
    ) -> None:
        settings = self._settings.kubeflow
        self._components[component_name(name)] = {
            "executorLabel": executor_name(name),
            "inputDefinitions": inputs,
            "outputDefinitions": outputs,
        }
        self._executors[executor_name(name)] = {
            "container": {
                "image": settings.image_reference,
                "command": list(_ENTRYPOINT),
                "args": [
                    *("--task", name, *arguments, "--executor-input", "{{$}}"),
                    *self._settings.beam.options(),
                ],
                "env": [{"name": key, "value": value} for key, value in sorted(settings.env.items())],
                "resources": resources(settings, trainer),
            }
        }
        self._kubernetes[executor_name(name)] = kubernetes_config(settings, trainer)
        # The backend finds a task's outputs by the name in taskInfo, so it must be the task's key.
        self._tasks[name] = {"taskInfo": {"name": name}, "componentRef": {"name": component_name(name)}}


_STRING: Message = {"parameterType": "STRING"}


def _root(parameter: RunParameter) -> Message:
    definition: Message = {**_STRING, "description": parameter.description}
    if parameter.default is not None:
        definition |= {"defaultValue": parameter.default, "isOptional": True}
    return definition


def _artifacts(channels: dict[str, channel.BaseChannel]) -> Message:
    return {key: {"artifactType": _system_type(found.type.__name__)} for key, found in channels.items()}


def _system_type(name: str) -> Message:
    return {"schemaTitle": _SYSTEM_TYPES.get(name, "system.Artifact"), "schemaVersion": "0.0.1"}


def _produced(found: channel.BaseChannel) -> Message:
    producer = task_name(found.producer_component_id)
    return {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": found.output_key}}
