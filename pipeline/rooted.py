"""The pipeline over a root folder: what the stages read and write there, on one machine or in a cluster."""

import difflib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx
from tfx.orchestration import metadata

from components.errors import InputError
from components.image_screener.decisions import read_decisions
from components.image_screener.settings import ScreeningSettings
from pipeline.dag import DataSource, create_pipeline
from pipeline.root import Root
from pipeline.settings import Settings
from pipeline.stages import Extent
from schemas import SHIP_IMAGES, with_columns


def rooted_pipeline(
    source: DataSource,
    settings: Settings,
    root: Root,
    *,
    runs_root: str = "",
    until: Extent = "push",
    metadata_connection_config: metadata.ConnectionConfigType | None = None,
) -> tfx.dsl.Pipeline:
    """The pipeline with schema, decisions and model store under an absolute root.

    Args:
        source: images and labels.
        settings: validated settings.
        root: where schema and decisions are put by content, trainings keep their state, models are pushed.
        runs_root: see `create_pipeline`.
        until: where to end; what ends with the evaluation has no baseline, since what it measures must not
            depend on what others pushed.
        metadata_connection_config: None on platforms that bring their own ML Metadata.

    Raises:
        InputError: the schema or the decisions cannot be used.
    """
    schema = _schema_text(settings.screening, source.columns)
    decisions = root.decisions.read_bytes() if root.decisions.exists() else b""
    read_decisions(root.decisions)  # raises what is wrong with them before anything starts
    return create_pipeline(
        source,
        settings,
        root=str(root.artifacts),
        model_store=str(root.no_models if until == "evaluation" else root.model_store),
        schema_file=str(_by_content(root.path / "schemas", SHIP_IMAGES.name, schema.encode())),
        decisions_file=str(_by_content(root.path / "decisions", "decisions.csv", decisions))
        if decisions
        else "",
        approvals_file=str(root.approvals),
        checkpoints=str(root.checkpoints),
        runs_root=runs_root,
        until=until,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=settings.beam.options(),
    )


def _by_content(folder: Path, name: str, content: bytes) -> Path:
    """The content in a file whose path says what it is, since caches know a file by its path alone."""
    file = folder / hashlib.sha256(content).hexdigest()[:16] / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: other runs may share the root.
        descriptor, scratch = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
        Path(scratch).chmod(0o644)
        Path(scratch).replace(file)
    return file


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
