"""The local run: BeamDagRunner in this process, told stage by stage."""

import hashlib
import time
from pathlib import Path
from typing import Literal, Self

from apache_beam.options.pipeline_options import StandardOptions
from tfx import v1 as tfx
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.beam import beam_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from components.errors import InputError
from pipeline.dag import DataSource, create_pipeline
from pipeline.root import Root
from pipeline.settings import Settings
from pipeline.stages import StageEvent, tell
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


def local_pipeline(source: DataSource, settings: Settings, root: Root) -> tfx.dsl.Pipeline:
    """The pipeline with its artifacts, metadata and model store under a local root."""
    located = Root(root.path.resolve())
    return create_pipeline(
        source,
        settings,
        root=str(located.artifacts),
        model_store=str(located.model_store),
        schema_file=str(_schema_file(settings.screening.schema_file, source, located)),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(located.metadata)),
        beam_pipeline_args=list(settings.beam.args),
    )


def _schema_file(own: str, source: DataSource, root: Root) -> Path:
    """A copy of the schema with the slicing columns of the scene table.

    It lies where its content says, since TFX's cache knows a schema by its path alone.
    """
    schema = Path(own).resolve() if own else SHIP_IMAGES
    try:
        text = with_columns(schema.read_text(encoding="utf-8"), source.columns)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"screening.schema_file = {own}: cannot be read: {error}") from None
    file = root.path / "schemas" / hashlib.sha256(text.encode()).hexdigest()[:16] / SHIP_IMAGES.name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
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
