"""A stand-in for KFP's driver, launcher and cache: runs a compiled pipeline from its spec alone.

Every task is a process with a staging folder of its own, as it would be a pod; what passes between tasks is
in the object store. Written after kubeflow/pipelines, backend/src/v2: driver/driver.go (inputs, URIs of
outputs, cache), component/launcher_v2.go (placeholders, ExecutorOutput) and objectstore/object_store.go
(which objects become which files). Kubernetes itself and the MLMD server are not in it.
"""

import concurrent.futures
import copy
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

SCHEMES = {"gs": "gcs", "s3": "s3", "minio": "minio"}


class TaskFailedError(Exception):
    """A task failed for good; carries its last exit code and what it printed."""

    def __init__(self, task, code, printed):
        super().__init__(f"{task} ended with {code}:\n{printed[-4000:]}")
        self.task, self.code, self.printed = task, code, printed


@dataclass
class Run:
    """What became of the tasks of a run.

    Attributes:
        states: "done" or "cached" by task.
        attempts: how many processes a task took.
        printed: what the last of them printed.
        parameters: output parameters by task.
        artifacts: output artifacts by task: name, uri, metadata.
    """

    states: dict = field(default_factory=dict)
    attempts: dict = field(default_factory=dict)
    printed: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    artifacts: dict = field(default_factory=dict)
    failure: TaskFailedError | None = None


class ObjectStore:
    """What object_store.go does to a bucket."""

    def __init__(self, s3, bucket):
        self.s3, self.bucket = s3, bucket

    def upload(self, local, key):
        """UploadBlob: the files below a folder, or one file; folders without files leave nothing."""
        local = Path(local)
        files = [local] if local.is_file() else sorted(p for p in local.rglob("*") if p.is_file())
        for file in files:
            name = key if file == local else f"{key}/{file.relative_to(local).as_posix()}"
            self.s3.upload_file(str(file), self.bucket, name)

    def download(self, key, local):
        """DownloadBlob: every object at or below the key becomes a file, those without bytes too."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=key)
        for found in (found["Key"] for page in pages for found in page.get("Contents", [])):
            if found == key or found.startswith(f"{key}/"):
                file = Path(os.path.normpath(f"{local}/{found.removeprefix(key)}"))
                file.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(self.bucket, found, str(file))


class Backend:
    """Runs compiled pipelines; remembers finished tasks for its cache.

    Args:
        store: where artifacts are.
        folder: for the "pods".
        environment: variables of every task beside those of its container.
    """

    def __init__(self, store, folder, environment):
        self.store, self.folder, self.environment = store, folder, environment
        self._cache = {}
        self._lock = threading.Lock()

    def run(self, spec, parameters, preempt=None):
        """Run all tasks, two at a time where the DAG allows.

        Args:
            spec: the pipeline spec.
            parameters: of the run.
            preempt: by task, when its first process is killed, as if its spot node had vanished: a function
                that is asked again and again.
        """
        run = Run()
        run_id = uuid.uuid4().hex[:8]
        given = {
            name: parameter["defaultValue"]
            for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items()
            if "defaultValue" in parameter
        } | dict(parameters)
        waiting = dict(spec["root"]["dag"]["tasks"])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {}
            while waiting or running:
                for name in sorted(waiting):
                    ready = set(waiting[name].get("dependentTasks", ())) <= set(run.states)
                    if ready and run.failure is None and len(running) < 2:
                        kill_when = (preempt or {}).get(name)
                        task = _Task(
                            spec, name, given=given, run=run, root=f"ships/{run_id}", kill_when=kill_when
                        )
                        running[pool.submit(self._run_task, task)] = waiting.pop(name)
                if not running:
                    break
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for finished in done:
                    del running[finished]
                    if error := finished.exception():
                        if not isinstance(error, TaskFailedError):
                            raise error
                        run.failure = error
        return run

    def _run_task(self, task):
        cached = task.spec.get("cachingOptions", {}).get("enableCache")
        key = task.cache_key()
        if cached and key in self._cache:
            outputs, state = copy.deepcopy(self._cache[key]), "cached"
        else:
            outputs, state = self._attempt(task), "done"
            if cached:
                self._cache[key] = copy.deepcopy(outputs)
        with self._lock:
            task.run.parameters[task.name], task.run.artifacts[task.name] = outputs
            task.run.states[task.name] = state

    def _attempt(self, task):
        """As Argo retries (workflow/controller/operator.go, processNodeRetries), but for its pauses."""
        policy = task.spec.get("retryPolicy", {})
        executor_input = task.executor_input()
        # The same for each attempt, as /s3 and /minio are in each pod.
        pod = self.folder / f"{task.root.replace('/', '-')}-{task.name}"
        started = time.monotonic()
        for attempt in range(1, policy.get("maxRetryCount", 0) + 2):
            task.run.attempts[task.name] = attempt
            kill_when = task.kill_when if attempt == 1 else None
            code, printed = self._launch(task, executor_input, pod, kill_when)
            task.run.printed[task.name] = printed
            if code == 0:
                return self._publish(task, executor_input, pod)
            if time.monotonic() - started > float(policy.get("backoffMaxDuration", "0s").removesuffix("s")):
                break
        raise TaskFailedError(task.name, code, printed)

    def _launch(self, task, executor_input, pod, kill_when):
        """launcher_v2.go, execute: stage the inputs, make the parents of the outputs, run the command."""
        shutil.rmtree(pod, ignore_errors=True)
        pod.mkdir(parents=True)
        told = json.loads(json.dumps(executor_input).replace("/POD/", f"{pod}/"))
        for artifact in _all(told["inputs"]):
            self.store.download(_key(artifact["uri"], self.store), _staged(pod, artifact["uri"]))
        for artifact in _all(told["outputs"]):
            _staged(pod, artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
        for parameter in told["outputs"].get("parameters", {}).values():
            Path(parameter["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
        container = task.container
        command = [
            part.replace("{{$}}", json.dumps(told)) for part in (*container["command"], *container["args"])
        ]
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self.environment,
            **{variable["name"]: variable["value"] for variable in container.get("env", [])},
            "SHIPS_STAGING_ROOT": str(pod),
        }
        log = pod / "log.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, env=environment, cwd=pod, stdout=file, stderr=subprocess.STDOUT
            )
            while kill_when and process.poll() is None:
                if kill_when():
                    process.kill()
                    break
                time.sleep(0.01)
            code = process.wait()
        return code, log.read_text(encoding="utf-8", errors="replace")

    def _publish(self, task, executor_input, pod):
        """launcher_v2.go, uploadOutputArtifacts: what the task says of its outputs, and their files."""
        output_file = pod / "outputs" / "executor_output.json"
        told = json.loads(output_file.read_text()) if output_file.exists() else {}
        artifacts = {}
        for name, found in executor_input["outputs"].get("artifacts", {}).items():
            artifact = dict(found["artifacts"][0])
            if listed := told.get("artifacts", {}).get(name, {}).get("artifacts"):
                artifact["uri"] = listed[0].get("uri") or artifact["uri"]
                artifact["metadata"] = artifact.get("metadata", {}) | listed[0].get("metadata", {})
            self.store.upload(_staged(pod, artifact["uri"]), _key(artifact["uri"], self.store))
            artifacts[name] = _recorded(artifact, name)
        parameters = {
            name: Path(parameter["outputFile"].replace("/POD/", f"{pod}/")).read_text(encoding="utf-8")
            for name, parameter in executor_input["outputs"].get("parameters", {}).items()
        }
        return parameters, artifacts


class _Task:
    """A task as the driver sees it."""

    def __init__(self, spec, name, *, given, run, root, kill_when):
        self.name, self.given, self.run, self.root, self.kill_when = name, given, run, root, kill_when
        self.spec = spec["root"]["dag"]["tasks"][name]
        self.component = spec["components"][self.spec["componentRef"]["name"]]
        self.container = spec["deploymentSpec"]["executors"][self.component["executorLabel"]]["container"]

    def inputs(self):
        """driver/resolve.go. Artifacts come without their type: instanceSchema is there, and empty."""
        values, artifacts = {}, {}
        for name, source in self.spec.get("inputs", {}).get("parameters", {}).items():
            if "runtimeValue" in source:
                values[name] = source["runtimeValue"]["constant"]
            elif "componentInputParameter" in source:
                values[name] = self.given[source["componentInputParameter"]]
            else:
                origin = source["taskOutputParameter"]
                values[name] = self.run.parameters[origin["producerTask"]][origin["outputParameterKey"]]
        for name, source in self.spec.get("inputs", {}).get("artifacts", {}).items():
            origin = source["taskOutputArtifact"]
            found = self.run.artifacts[origin["producerTask"]][origin["outputArtifactKey"]]
            artifact = {key: found[key] for key in ("name", "uri", "metadata") if key in found}
            artifacts[name] = {"artifacts": [{**artifact, "type": {"instanceSchema": ""}}]}
        return {"parameterValues": values, "artifacts": artifacts}

    def executor_input(self):
        """driver.go, provisionOutputs: URIs below the run's root; /POD/ stands for the pod's own files."""
        execution = uuid.uuid4().hex
        definitions = self.component.get("outputDefinitions", {})
        outputs = {
            "outputFile": "/POD/outputs/executor_output.json",
            "parameters": {
                name: {"outputFile": f"/POD/outputs/{name}"} for name in definitions.get("parameters", {})
            },
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "uri": f"s3://mlpipeline/{self.root}/{self.name}/{execution}/{name}",
                            "type": definition["artifactType"],
                            "metadata": {},
                        }
                    ]
                }
                for name, definition in definitions.get("artifacts", {}).items()
            },
        }
        return {"inputs": self.inputs(), "outputs": outputs}

    def cache_key(self):
        """cacheutils/cache.go, GenerateCacheKey: inputs by value and name, outputs, image and command."""
        inputs = self.inputs()
        names = {name: found["artifacts"][0]["name"] for name, found in inputs["artifacts"].items()}
        container = {key: self.container[key] for key in ("image", "command", "args")}
        outputs = self.component.get("outputDefinitions", {})
        return json.dumps([self.name, inputs["parameterValues"], names, container, outputs], sort_keys=True)


def _recorded(artifact, output):
    """metadata/converter.go and client.go: what MLMD keeps; the name becomes the artifact's id there."""
    for key, value in artifact["metadata"].items():
        if not isinstance(value, str | int | float | bool | list | dict):
            raise TypeError(f"{output}.{key}: MLMD has no such value as {value!r}")
    metadata = {**artifact["metadata"], "display_name": output, "store_session_info": "{}"}
    return {**artifact, "metadata": metadata, "name": str(uuid.uuid4().int % 1_000_000_000)}


def _all(side):
    return [artifact for found in side.get("artifacts", {}).values() for artifact in found["artifacts"]]


def _staged(pod, uri):
    """LocalPathForURI, below the pod's folder."""
    scheme, _, rest = uri.partition("://")
    return pod / SCHEMES[scheme] / rest


def _key(uri, store):
    bucket, _, key = uri.partition("://")[2].partition("/")
    assert bucket == store.bucket
    return key
