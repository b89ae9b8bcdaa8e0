"""The local run: BeamDagRunner in this process, told stage by stage."""

import time
from typing import Literal, Self

from tfx import v1 as tfx
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.beam import beam_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from pipeline.beam import beam_in_this_process
from pipeline.dag import NEVER_CACHED, DataSource
from pipeline.root import Root
from pipeline.rooted import rooted_pipeline
from pipeline.settings import Settings
from pipeline.stages import Extent, StageEvent, tell


def run_locally(dag: tfx.dsl.Pipeline, run_id: str) -> None:
    """Run a pipeline in this process; finished stages of earlier runs come from the cache.

    Raises:
        RuntimeError: a stage failed; the stage event that was told carries the cause.
    """
    with beam_in_this_process():
        _LocalRunner(run_id).run(dag)


def local_pipeline(
    source: DataSource, settings: Settings, root: Root, until: Extent = "push"
) -> tfx.dsl.Pipeline:
    """The pipeline with its artifacts, metadata and model store under a local root."""
    located = Root(root.path.resolve())
    return rooted_pipeline(
        source,
        settings,
        located,
        runs_root=str(located.path),
        until=until,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(located.metadata)),
    )


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
        for node in pipeline.nodes:
            if node.pipeline_node.node_info.id in NEVER_CACHED:
                node.pipeline_node.execution_options.caching_options.enable_cache = False
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        super().run_with_ir(pipeline, run_options)
