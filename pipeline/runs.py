"""What ML Metadata knows of the runs under a root."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from components.approval_gate.decision import OUTCOME, VERSION
from components.errors import InputError
from components.evaluation.names import VERDICT
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST, Subject
from pipeline.names import PIPELINE_NAME
from pipeline.root import Root

_PUSHED_VERSION = "pushed_version"


@dataclass(frozen=True)
class StageRun:
    """One stage of one run.

    Attributes:
        state: "done", "cached", "failed" or "running".
        outputs: by name.
        properties: texts that it was run with, such as digests of code and data, by name.
    """

    state: str
    outputs: dict[str, list[metadata_store_pb2.Artifact]]
    properties: dict[str, str] = field(default_factory=dict)

    def uri(self, output: str) -> str | None:
        """Folder of an output, or None if the stage has not finished."""
        artifacts = self.outputs.get(output) if self.state in ("done", "cached") else None
        return artifacts[0].uri if artifacts else None


@dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes:
        run_id: local time of its start; ids sort by time.
        stages: by node id, in order of their start.
        alive: whether it may still be running.
        unpushable: whether it was to end with its evaluation, as a variant of an experiment.
    """

    run_id: str
    stages: dict[str, StageRun] = field(default_factory=dict)
    alive: bool = False
    unpushable: bool = False

    @property
    def state(self) -> str:
        """done, data only, evaluated only, failed, running, or interrupted (killed, or stopped by Ctrl-C)."""
        states = {stage.state for stage in self.stages.values()}
        if "failed" in states:
            return "failed"
        if "running" not in states and "Pusher" in self.stages:
            return "done"
        if "running" not in states and "DataGate" in self.stages and "ShipSampler" not in self.stages:
            return "data only"
        if "running" not in states and "ShipEvaluator" in self.stages and self.unpushable:
            return "evaluated only"
        return "running" if self.alive else "interrupted"

    @property
    def cached(self) -> int:
        """Number of stages that were served from the cache."""
        return sum(stage.state == "cached" for stage in self.stages.values())

    def uri(self, stage: str, output: str) -> str | None:
        """Folder of an output, or None if the run has not got so far."""
        return self.stages[stage].uri(output) if stage in self.stages else None

    def folder(self, stage: str, output: str) -> Path | None:
        """The same for those who are going to look into it.

        Raises:
            InputError: the folder is gone.
        """
        if (uri := self.uri(stage, output)) is None:
            return None
        folder = Path(uri)
        if not folder.is_dir():
            raise InputError(
                f"run {self.run_id}: the output {output} of {stage} is gone: there is no folder {uri}. "
                "Put it back, or start the command of the run again"
            )
        return folder

    def property_of(self, stage: str, name: str) -> str:
        """A text that a stage was run with, "" if it has none of this name or has not run."""
        return self.stages[stage].properties.get(name, "") if stage in self.stages else ""

    @property
    def verdict(self) -> str | None:
        """What the rules say: passed, failed or undecided; None before the evaluation."""
        return self._text("ShipEvaluator", "evaluation", VERDICT)

    @property
    def gate(self) -> str | None:
        """Outcome of the ApprovalGate, see `components.approval_gate.decision`; None before there is one."""
        return self._text("ApprovalGate", "blessing", OUTCOME)

    @property
    def subject(self) -> Subject | None:
        """Digests of model and evaluation as the ShipEvaluator noted them, of older runs the ApprovalGate."""
        for stage, output in (("ShipEvaluator", "evaluation"), ("ApprovalGate", "blessing")):
            model, evaluation = (
                self._text(stage, output, name) for name in (MODEL_DIGEST, EVALUATION_DIGEST)
            )
            if model and evaluation:
                return Subject(model, evaluation)
        return None

    @property
    def infra_refusal(self) -> str:
        """Why no server could answer with the candidate as it must; "" if one could or none was tried."""
        blessed = self._custom_property("InfraValidator", "blessing", "blessed")
        if blessed is None or blessed.int_value:
            return ""
        return self._text("InfraValidator", "blessing", "reason") or ""

    @property
    def pushed_version(self) -> str | None:
        """Version in the model store, pushed by this run or, if the same model, before; else None."""
        return self._text("Pusher", "pushed_model", _PUSHED_VERSION) or self._text(
            "ApprovalGate", "blessing", VERSION
        )

    def headline(self, figure: str) -> float | None:
        """A headline figure of the evaluation, see `components.evaluation.component.headline`."""
        value = self._custom_property("ShipEvaluator", "evaluation", figure)
        return None if value is None else float(value.double_value)

    def _text(self, stage: str, output: str, name: str) -> str | None:
        value = self._custom_property(stage, output, name)
        return value.string_value or None if value is not None else None

    def _custom_property(self, stage: str, output: str, name: str) -> metadata_store_pb2.Value | None:
        if self.uri(stage, output) is None:
            return None
        properties = self.stages[stage].outputs[output][0].custom_properties
        return properties.get(name)


def list_runs(root: Root) -> list[Run]:
    """Runs under a root, newest first; none if there was none yet.

    Raises:
        InputError: what ML Metadata knows of them cannot be read.
    """
    store = _open(root.metadata)
    if store is None:
        return []
    alive = root.is_in_use()
    located = Root(root.path.resolve())
    contexts = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda context: -context.id)
    return [
        _read_run(located, store, context, alive and position == 0)
        for position, context in enumerate(contexts)
    ]


def settle(root: Root) -> str | None:
    """Have ML Metadata name the artifacts where they are now; to be called by whoever has locked the root.

    Else the cache of a copied root would give outputs of the original.

    Returns:
        A folder where the artifacts were when the root was still another one; None if they all are where
        they were.
    """
    store = _open(root.metadata)
    if store is None:
        return None
    located = Root(root.path.resolve())
    moved = []
    for artifact in store.get_artifacts():
        before, artifact.uri = artifact.uri, _here(located, artifact.uri)
        if artifact.uri != before:
            moved.append((before, artifact))
    store.put_artifacts([artifact for _, artifact in moved])
    return moved[-1][0] if moved else None


def _here(located: Root, uri: str) -> str:
    """An artifact's folder under a root; ML Metadata names it as it was when it was written.

    The path of the root is resolved, as that of runs is; a link to another disk below it is not.
    """
    *_, place = uri.rpartition(f"/{located.artifacts.name}/")
    return str(located.artifacts / place.lstrip("/"))


def _open(path: Path) -> metadata_store.MetadataStore | None:
    try:
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE
    try:
        return metadata_store.MetadataStore(config)
    except RuntimeError as error:
        raise InputError(f"{path}: cannot be read as ML Metadata: {str(error).splitlines()[0]}") from None


def _read_run(
    root: Root, store: metadata_store.MetadataStore, context: metadata_store_pb2.Context, alive: bool
) -> Run:
    executions = sorted(store.get_executions_by_context(context.id), key=lambda execution: execution.id)
    stages = {}
    for execution in executions:
        properties = {
            name: value.string_value
            for source in (execution.properties, execution.custom_properties)
            for name, value in source.items()
        }
        stages[_node_id(store, execution)] = StageRun(
            _state(execution), _outputs(root, store, execution), properties
        )
    run_id = context.name.removeprefix(f"{PIPELINE_NAME}.")
    return Run(run_id, stages, alive, root.unpushable_mark(run_id).exists())


def _node_id(store: metadata_store.MetadataStore, execution: metadata_store_pb2.Execution) -> str:
    prefix = f"{PIPELINE_NAME}."
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == "node":
            return str(context.name).removeprefix(prefix)
    raise errors.NotFoundError(f"execution {execution.id} belongs to no node")


def _state(execution: metadata_store_pb2.Execution) -> str:
    states = metadata_store_pb2.Execution
    names = {
        states.COMPLETE: "done",
        states.CACHED: "cached",
        states.RUNNING: "running",
        states.NEW: "running",
    }
    return names.get(execution.last_known_state, "failed")


def _outputs(
    root: Root, store: metadata_store.MetadataStore, execution: metadata_store_pb2.Execution
) -> dict[str, list[metadata_store_pb2.Artifact]]:
    output_ids: dict[str, list[int]] = {}
    for event in store.get_events_by_execution_ids([execution.id]):
        if event.type == metadata_store_pb2.Event.OUTPUT:
            output_ids.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
    outputs = {key: store.get_artifacts_by_id(ids) for key, ids in output_ids.items()}
    for artifact in itertools.chain(*outputs.values()):
        artifact.uri = _here(root, artifact.uri)
    return outputs
