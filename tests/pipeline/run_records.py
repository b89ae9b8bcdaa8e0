"""Runs in ML Metadata as the local runner leaves them, with made-up artifacts in place of training."""

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.evaluation.digests import subject_of
from components.evaluation.names import VERDICT
from components.evaluation.subject import EVALUATION_DIGEST, MODEL_DIGEST
from components.evaluation.verdict import VERDICT_FILE, Check, Verdict, to_json
from components.review_report.settings import CARD_FILE, PAGE_FILE

_QUARANTINE = "image_id,split,outcome,reasons,sha1"


class Ledger:
    """The metadata and artifacts under a root; each call adds a run."""

    def __init__(self, root):
        root.path.mkdir(parents=True, exist_ok=True)
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(root.metadata)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)
        self.root = root

    def evaluated(self, run_id, outcome="pass", weights=b"weights"):
        """A run that ended at its evaluation, with a verdict of one rule; its model folder."""
        folder = self.root.artifacts / run_id
        serving = folder / "model" / "Format-Serving"
        serving.mkdir(parents=True)
        (serving / "saved_model.pb").write_bytes(b"graph")
        (serving / "weights").write_bytes(weights)
        (folder / "evaluation").mkdir()
        (folder / "evaluation" / "metrics-0").write_bytes(b"dice 0.3")
        check = Check("dice", "cascade", {}, "min", 0.4, outcome, holds=outcome != "pass", value=0.3)
        verdict = Verdict((check,))
        (folder / "evaluation" / VERDICT_FILE).write_bytes(to_json(verdict))
        self._stage(run_id, "ShipDetector", "model", folder / "model")
        subject = subject_of(str(folder / "model"), str(folder / "evaluation"))
        noted = {
            VERDICT: verdict.state,
            MODEL_DIGEST: subject.model,
            EVALUATION_DIGEST: subject.evaluation,
        }
        self._stage(run_id, "ShipEvaluator", "evaluation", folder / "evaluation", **noted)
        return serving

    def gated(self, run_id, subject, outcome, version=""):
        """Add gate and Pusher to a run."""
        digests = {MODEL_DIGEST: subject.model, EVALUATION_DIGEST: subject.evaluation}
        folder = self.root.artifacts / run_id / "blessing"
        self._stage(run_id, "ApprovalGate", "blessing", folder, outcome=outcome, **digests)
        pushed = {"pushed_version": version} if version else {}
        self._stage(run_id, "Pusher", "pushed_model", folder.with_name("pushed"), **pushed)

    def reviewed(self, run_id, page):
        """Add a review page to a run, with the same text as model card; their folder."""
        folder = self.root.artifacts / run_id / "review"
        folder.mkdir()
        for name in (PAGE_FILE, CARD_FILE):
            (folder / name).write_text(page, encoding="utf-8")
        self._stage(run_id, "ReviewReport", "review", folder)
        return folder

    def screened(self, run_id, flagged=""):
        """A run that ended before its evaluation; `flagged` are rows of its quarantine.csv."""
        folder = self.root.artifacts / run_id / "quarantine"
        folder.mkdir(parents=True)
        (folder / "quarantine.csv").write_text(f"{_QUARANTINE}\n{flagged}", encoding="utf-8")
        self._stage(run_id, "ImageScreener", "quarantine", folder)
        self._stage(run_id, "DataGate", "nothing", self.root.artifacts / run_id)

    def _stage(self, run_id, node, output, folder, **properties):
        execution_type = mlmd.ExecutionType(name=node)
        execution = mlmd.Execution(
            type_id=self.store.put_execution_type(execution_type), last_known_state=mlmd.Execution.COMPLETE
        )
        artifact = mlmd.Artifact(
            type_id=self.store.put_artifact_type(mlmd.ArtifactType(name=f"{node}.{output}")),
            uri=str(folder),
            state=mlmd.Artifact.LIVE,
        )
        for name, value in properties.items():
            artifact.custom_properties[name].string_value = value
        event = mlmd.Event(type=mlmd.Event.OUTPUT)
        event.path.steps.add(key=output)
        event.path.steps.add(index=0)
        contexts = [
            self._context("pipeline_run", f"ships.{run_id}"),
            self._context("node", f"ships.{node}"),
        ]
        self.store.put_execution(execution, [(artifact, event)], contexts)

    def _context(self, kind, name):
        found = self.store.get_context_by_type_and_name(kind, name)
        type_id = self.store.put_context_type(mlmd.ContextType(name=kind))
        return found or mlmd.Context(type_id=type_id, name=name)
