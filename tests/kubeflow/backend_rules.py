"""What the open-source backend demands of a compiled pipeline, each rule with the place it is from.

Paths are those of kubeflow/pipelines, under backend/src.
"""

import json
import re

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

# Kubernetes' names (RFC 1123 labels), which are also allowed by Argo: [a-zA-Z0-9][-a-zA-Z0-9]*, at most 63.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PIPELINE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def problems(spec, platform):
    """What the backend would refuse or could not run; empty if nothing."""
    return [*_template(spec), *_components(spec), *_tasks(spec), *_platform(spec, platform)]


def _template(spec):
    """apiserver/template/v2_template.go, NewV2SpecTemplate: strict JSON of the protocol buffers."""
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    if parsed.schema_version != "2.1.0":
        yield f"schema version {parsed.schema_version}"
    if not _PIPELINE_NAME.fullmatch(parsed.pipeline_info.name):
        yield f"pipeline name {parsed.pipeline_info.name}"
    if not parsed.root.dag.tasks:
        yield "no tasks"


def _components(spec):
    """v2/compiler/visitor.go (executors) and argocompiler/argo.go (no resolvers, names of templates)."""
    executors = spec["deploymentSpec"]["executors"]
    for name, component in spec["components"].items():
        if name == "root" or not _NAME.fullmatch(name):
            yield f"component name {name}"
        kinds = set(executors.get(component["executorLabel"], {}))
        if kinds != {"container"}:
            yield f"{name}: executor is {kinds or 'missing'}, and only containers and importers are run"
            continue
        container = executors[component["executorLabel"]]["container"]
        # v2/component/launcher_v2.go: "command and arguments are empty".
        if not container.get("command"):
            yield f"{name}: no command"
        if "lifecycle" in container:
            yield f"{name}: preCacheCheck is never called"
        sides = (component.get("inputDefinitions", {}), component.get("outputDefinitions", {}))
        for key, definition in ((key, d) for side in sides for key, d in side.get("artifacts", {}).items()):
            # v2/metadata/client.go, schemaToArtifactType: a title of its own kind, or YAML with a title.
            if not definition["artifactType"].get("schemaTitle", "").startswith("system."):
                yield f"{name}.{key}: type {definition['artifactType']}"
        if len(json.dumps(container)) > 100_000:
            # Linux takes at most 128 KiB in one argument, and the launcher is given all of it.
            yield f"{name}: container of {len(json.dumps(container))} bytes"


def _tasks(spec):
    """v2/compiler/argocompiler/dag.go (order) and v2/driver/resolve.go (where inputs come from)."""
    tasks, components = spec["root"]["dag"]["tasks"], spec["components"]
    for name, task in tasks.items():
        if not _NAME.fullmatch(name):
            yield f"task name {name}"
        if task["taskInfo"]["name"] != name:
            yield f"{name}: taskInfo says {task['taskInfo']['name']}, by which its outputs are not found"
        component = components.get(task["componentRef"]["name"])
        if component is None:
            yield f"{name}: no component {task['componentRef']['name']}"
            continue
        before = set(task.get("dependentTasks", ()))
        yield from (f"{name}: waits for {other}, which is no task" for other in before - set(tasks))
        wanted = component.get("inputDefinitions", {})
        given = task.get("inputs", {})
        for kind in ("parameters", "artifacts"):
            for key in set(wanted.get(kind, {})) ^ set(given.get(kind, {})):
                yield f"{name}: {kind[:-1]} {key} is not both declared and given"
            for key, source in given.get(kind, {}).items():
                yield from (f"{name}.{key}: {problem}" for problem in _source(spec, kind, source, before))
    if len(in_order(tasks)) != len(tasks):
        yield "tasks wait for each other in a circle"


def _source(spec, kind, source, before):
    """Where one input of a task is from; `before` are the tasks that it waits for."""
    if "runtimeValue" in source:
        return
    if name := source.get("componentInputParameter"):
        if name not in spec["root"]["inputDefinitions"]["parameters"]:
            yield f"no parameter {name} of the run"
        return
    (origin,) = source.values()
    produced = origin.get("outputParameterKey") or origin.get("outputArtifactKey")
    component = spec["root"]["dag"]["tasks"][origin["producerTask"]]["componentRef"]["name"]
    if produced not in spec["components"][component]["outputDefinitions"][kind]:
        yield f"{origin['producerTask']} has no output {produced}"
    if origin["producerTask"] not in before:
        yield f"does not wait for {origin['producerTask']}"


def _platform(spec, platform):
    """apiserver/template/v2_template.go (one key) and v2/driver/k8s.go (what is in it)."""
    if set(platform) != {"platforms"} or set(platform["platforms"]) != {"kubernetes"}:
        yield f"platforms {platform.keys()}"
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, config in configs.items():
        json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        if label not in spec["deploymentSpec"]["executors"]:
            yield f"platform spec of {label}, which is no executor"


def in_order(tasks):
    """Names of the tasks, each after those that it waits for; those in a circle are left out."""
    done = []
    while ready := sorted(
        name for name in set(tasks) - set(done) if set(tasks[name].get("dependentTasks", ())) <= set(done)
    ):
        done += ready
    return done
