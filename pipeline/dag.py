"""The pipeline itself, wired once; the local runner and the Kubeflow compiler both call `create_pipeline`."""

from dataclasses import dataclass

from tfx import v1 as tfx
from tfx.dsl.components.base import base_component
from tfx.orchestration import metadata, pipeline

from components.approval_gate.component import ApprovalGate
from components.baseline.component import Baseline
from components.code_digest import code_digest
from components.data_gate.component import DataGate
from components.data_report.component import DataReport
from components.evaluation.component import ShipEvaluator
from components.examples import SPLITS
from components.image_screener.component import ImageScreener
from components.infra_validator.component import InfraValidator
from components.review_report.component import ReviewReport
from components.ship_detector.component import ShipDetector
from components.ship_example_gen.component import ShipExampleGen
from components.ship_sampler.component import ShipSampler
from components.training.settings import ScheduleSettings
from components.transform.settings import ContrastSettings
from pipeline.names import PIPELINE_NAME
from pipeline.settings import Settings
from pipeline.stages import Extent

_TRAINED_SPLITS = [split for split in SPLITS if split.startswith("train")]
_EVAL_SPLITS = [split for split in SPLITS if split.startswith("eval")]
_TEST_SPLITS = [split for split in SPLITS if split.startswith("test")]
# The gate looks at approvals, model and store anew in each run, and must not bless by what it once saw.
NEVER_CACHED = frozenset({"ApprovalGate", "Pusher"})
# `ships serve` as a process, for the InfraValidator, which knows nothing of this package.
_SERVER = (
    *("{python}", "-m", "pipeline.cli", "serve", "--models={models}", "--name={name}"),
    *("--rest-port={port}", "--grpc-port=0"),
)


@dataclass(frozen=True)
class DataSource:
    """What is ingested: paths may be local or of any filesystem that Beam and TensorFlow read.

    Attributes:
        images: folder of the images.
        labels: CSV with `ImageId,EncodedPixels`.
        scenes: CSV with `ImageId,SceneId` and further columns, or "".
        fingerprint: digest of the listed files, so that changed data is not served from the cache.
        columns: names of the further columns.
    """

    images: str
    labels: str
    scenes: str
    fingerprint: str
    columns: tuple[str, ...] = ()


def create_pipeline(
    source: DataSource,
    settings: Settings,
    *,
    root: str,
    model_store: str,
    schema_file: str,
    decisions_file: str = "",
    approvals_file: str = "",
    checkpoints: str = "",
    runs_root: str = "",
    until: Extent = "push",
    metadata_connection_config: metadata.ConnectionConfigType | None = None,
    beam_pipeline_args: list[str] | None = None,
) -> pipeline.Pipeline:
    """Wire all stages.

    Args:
        source: images and labels.
        settings: validated settings.
        root: folder for the artifacts.
        model_store: folder into which approved models are pushed, `<model_store>/<version>/`.
        schema_file: schema of the Examples in text format, see `schemas`.
        decisions_file: what people decided about quarantined images, "" for none; its path must change with
            its content.
        approvals_file: who approved which model, "" for none.
        checkpoints: folder that outlives a run, for the state of unfinished trainings; "" for one within the
            run's artifacts.
        runs_root: value of --root in the commands that the review page tells; "" where there is none.
        until: where to end: "data" with the verdict about the data set, before anything is trained;
            "evaluation" before the rules' verdict leads to anything; "push" in the model store.
        metadata_connection_config: ML Metadata; None on platforms that bring their own.
        beam_pipeline_args: where the Beam stages run.
    """

    def assembled(stages: list[base_component.BaseComponent]) -> pipeline.Pipeline:
        return pipeline.Pipeline(
            pipeline_name=PIPELINE_NAME,
            pipeline_root=root,
            components=stages,
            enable_cache=True,
            metadata_connection_config=metadata_connection_config,
            beam_pipeline_args=beam_pipeline_args or [],
        )

    example_gen = ShipExampleGen(
        images=source.images,
        labels=source.labels,
        scenes=source.scenes,
        data_fingerprint=source.fingerprint,
        settings=settings.ingestion,
    )
    raw = example_gen.outputs["examples"]
    schema = tfx.components.ImportSchemaGen(schema_file=schema_file)
    statistics = tfx.components.StatisticsGen(examples=raw, schema=schema.outputs["schema"])
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    screener = ImageScreener(
        examples=raw, schema=schema.outputs["schema"], settings=settings.screening, decisions=decisions_file
    )
    report = DataReport(
        raw_examples=raw,
        statistics=statistics.outputs["statistics"],
        anomalies=validator.outputs["anomalies"],
        schema=schema.outputs["schema"],
        quarantine=screener.outputs["quarantine"],
        label_report=example_gen.outputs["label_report"],
        model_store=model_store,
        acceptance=settings.acceptance,
        source=source.images,
    )
    gate = DataGate(report=report.outputs["report"])
    data_stages = [example_gen, schema, statistics, validator, screener, report, gate]
    if until == "data":
        return assembled(data_stages)
    clean = screener.outputs["examples"]
    sampler = ShipSampler(examples=clean, settings=settings.sampling)
    # The gate has no output: it stops the run by failing.
    sampler.add_upstream_node(gate)
    transform = transform_stage(
        sampler.outputs["sampled_examples"], schema.outputs["schema"], settings.contrast
    )
    prepared = transform.outputs["transformed_examples"]
    segmenter = _trainer("Segmenter", prepared, settings.segmenter, checkpoints)
    classifier = (
        _trainer("Classifier", prepared, settings.classifier, checkpoints)
        if settings.detector.cascade
        else None
    )
    detector = ShipDetector(
        segmenter=segmenter.outputs["model"],
        classifier=classifier.outputs["model"] if classifier else None,
        examples=clean,
        statistics=statistics.outputs["statistics"],
        settings=settings.detector,
        contrast=settings.contrast,
        # Nothing that does not change the model: it would be joined anew for another rule.
        recipe=settings.model_dump(
            mode="json",
            exclude={
                "acceptance",
                "evaluation",
                "review",
                "approval",
                "infra_validation",
                "beam",
                "kubeflow",
            },
        ),
    )
    candidate = detector.outputs["model"]
    baseline = Baseline(candidate=candidate, store=model_store)
    evaluator = ShipEvaluator(
        examples=clean,
        model=candidate,
        baseline_model=baseline.outputs["model"],
        splits=_TEST_SPLITS,
        columns=source.columns,
        settings=settings.evaluation,
    )
    trained = [
        sampler,
        transform,
        *([classifier] if classifier else []),
        segmenter,
        detector,
        baseline,
        evaluator,
    ]
    if until == "evaluation":
        return assembled([*data_stages, *trained])
    review = ReviewReport(
        examples=clean,
        model=candidate,
        evaluation=evaluator.outputs["evaluation"],
        baseline_model=baseline.outputs["model"],
        data_report=report.outputs["report"],
        segmenter=segmenter.outputs["model"],
        classifier=classifier.outputs["model"] if classifier else None,
        splits=_TEST_SPLITS,
        settings=settings.review,
        data_digest=source.fingerprint,
        root=runs_root,
    )
    approval = ApprovalGate(
        model=candidate,
        evaluation=evaluator.outputs["evaluation"],
        review=review.outputs["review"],
        approvals=approvals_file,
        store=model_store,
        settings=settings.approval,
    )
    infra = (
        InfraValidator(
            model=candidate,
            examples=clean,
            splits=_TEST_SPLITS,
            command=_SERVER,
            settings=settings.infra_validation,
        )
        if settings.infra_validation.enabled
        else None
    )
    pusher = tfx.components.Pusher(
        model=candidate,
        model_blessing=approval.outputs["blessing"],
        infra_blessing=infra.outputs["blessing"] if infra else None,
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=model_store)
        ),
    )
    return assembled([*data_stages, *trained, review, approval, *([infra] if infra else []), pusher])


def transform_stage(
    examples: tfx.dsl.Channel, schema: tfx.dsl.Channel, contrast: ContrastSettings
) -> tfx.components.Transform:
    """From screened Examples to the records that the trainers read."""
    return tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(
            analyze=_TRAINED_SPLITS, transform=[*_TRAINED_SPLITS, *_EVAL_SPLITS]
        ),
        # Nothing is analyzed over the whole data set, and nobody reads statistics of masks as PNG.
        disable_statistics=True,
        custom_config={
            "contrast": contrast.model_dump(mode="json"),
            "code_digest": code_digest("components.transform.preprocessing"),
        },
    )


def _trainer(
    name: str, examples: tfx.dsl.Channel, settings: ScheduleSettings, checkpoints: str
) -> tfx.components.Trainer:
    module = f"components.training.{name.lower()}"
    return tfx.components.Trainer(
        run_fn=f"{module}.run_fn",
        examples=examples,
        train_args=tfx.proto.TrainArgs(splits=_TRAINED_SPLITS),
        eval_args=tfx.proto.EvalArgs(splits=_EVAL_SPLITS),
        custom_config={
            "settings": settings.model_dump(mode="json"),
            "code_digest": code_digest(module),
            "checkpoints": checkpoints,
        },
    ).with_id(name)
