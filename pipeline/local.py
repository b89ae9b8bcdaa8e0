"""The local run: BeamDagRunner in this process, told stage by stage."""

import difflib
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from apache_beam.options.pipeline_options import StandardOptions
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.beam import beam_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from components.errors import InputError
from components.image_screener.decisions import read_decisions
from components.image_screener.settings import ScreeningSettings
from pipeline.dag import DataSource, create_pipeline
from pipeline.root import Root
from pipeline.settings import Settings
from pipeline.stages import Extent, StageEvent, tell
from schemas import SHIP_IMAGES, with_columns

# Named in full, since plain DirectRunner of newer Beam releases tries to download the Prism binary.
_FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"


def run_locally(dag: tfx.dsl.Pipeline, run_id: str) -> None:
    """Run a pipeline in this process; finished stages of earlier runs come from the cache.

    Raises:
        RuntimeError: a stage failed; the stage event that was told carries the cause.
    """
    default_runner = StandardOptions.DEFAULT_RUNNER
    # BeamDagRunner takes no options for the Beam pipeline that runs the stages; and a stage that is given
    # any option of its own first packs all of TFX into an archive for remote workers, which takes seconds.
    StandardOptions.DEFAULT_RUNNER = _FN_API_RUNNER
    try:
        _LocalRunner(run_id).run(dag)
    finally:
        StandardOptions.DEFAULT_RUNNER = default_runner


def local_pipeline(
    source: DataSource, settings: Settings, root: Root, until: Extent = "push"
) -> tfx.dsl.Pipeline:
    """The pipeline with its artifacts, metadata and model store under a local root.

    One that ends with the evaluation has no baseline: what it measures must not depend on what others pushed.
    """
    located = Root(root.path.resolve())
    schema = _schema_text(settings.screening, source.columns)
    decisions = located.decisions.read_bytes() if located.decisions.exists() else b""
    read_decisions(located.decisions)  # raises what is wrong with them before anything starts
    # A table that does not hold together is the gate's affair: it stops the push, not the training.
    approvals = located.approvals.read_bytes() if located.approvals.exists() else b""
    return create_pipeline(
        source,
        settings,
        root=str(located.artifacts),
        model_store=str(located.no_models if until == "evaluation" else located.model_store),
        schema_file=str(_by_content(located.path / "schemas", SHIP_IMAGES.name, schema.encode())),
        decisions_file=str(_by_content(located.path / "decisions", "decisions.csv", decisions))
        if decisions
        else "",
        approvals_file=str(_by_content(located.path / "approvals", located.approvals.name, approvals))
        if approvals
        else "",
        checkpoints=str(located.checkpoints),
        runs_root=str(located.path),
        until=until,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(located.metadata)),
        beam_pipeline_args=list(settings.beam.args),
    )


def _schema_text(settings: ScreeningSettings, columns: Iterable[str]) -> str:
    """The schema with the slicing columns of the scene table."""
    own = settings.schema_file
    try:
        text = (Path(own) if own else SHIP_IMAGES).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"screening.schema_file = {own}: cannot be read: {error}") from None
    try:
        features = {feature.name for feature in text_format.Parse(text, schema_pb2.Schema()).feature}
    except text_format.ParseError as error:
        raise InputError(f"screening.schema_file = {own}: no Schema in text format: {error}") from None
    for name in settings.actions:
        if name not in features:
            close = difflib.get_close_matches(name, features, n=1)
            raise InputError(
                f"screening.actions.{name}: the schema has no such feature"
                + (f" (did you mean {close[0]}?)" if close else f"; it has {', '.join(sorted(features))}")
            )
    return with_columns(text, columns)


def _by_content(folder: Path, name: str, content: bytes) -> Path:
    """The content in a file whose path says what it is, since TFX's cache knows a file by its path alone."""
    file = folder / hashlib.sha256(content).hexdigest()[:16] / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


class _ToldNode(beam_dag_runner.PipelineNodeAsDoFn):
    """A node that tells when it starts and how it ends."""

    def _run_node(self) -> None:
        tell(StageEvent(self._node_id, "running"))
        started = time.monotonic()
        try:
            super()._run_node()
        except BaseException as error:
            tell(StageEvent(self._node_id, "failed", time.monotonic() - started, error))
            raise
        state: Literal["cached", "done"] = "cached" if self._was_cached() else "done"
        tell(StageEvent(self._node_id, state, time.monotonic() - started))

    def _was_cached(self) -> bool:
        with metadata.Metadata(self._mlmd_connection_config) as handle:
            node = handle.store.get_context_by_type_and_name(
                "node", f"{self._pipeline_info.id}.{self._node_id}"
            )
            executions = handle.store.get_executions_by_context(node.id)
            newest = max(executions, key=lambda execution: execution.id)
            return bool(newest.last_known_state == newest.CACHED)


class _LocalRunner(beam_dag_runner.BeamDagRunner):
    """BeamDagRunner with a run id of our choice."""

    _PIPELINE_NODE_DO_FN_CLS = _ToldNode

    def __new__(cls, run_id: str) -> Self:
        runner: Self = super().__new__(cls)
        return runner

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """Run a compiled pipeline under this runner's id."""
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        super().run_with_ir(pipeline, run_options)
