"""Splits Examples into those that the schema accepts and those set aside, and says why."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from absl import logging
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.examples import IMAGE_COUNT, IMAGE_ID, SHA1, SPLITS
from components.image_screener.decisions import Decision, read_decisions
from components.image_screener.flagged import QUARANTINE_CSV, Flagged, table_of_flagged
from components.image_screener.outcome import settle
from components.image_screener.screening import Judge
from components.image_screener.settings import ScreeningSettings
from components.progress import advance, running
from components.tfrecords import ReadSplits, WriteSplits

QUARANTINE_SPLIT = "quarantine"
QUARANTINE_REASONS = "quarantine_reasons"

_STAGE = "ImageScreener"
_ROWS = "quarantine rows"
# TFDV's 100 ms for a batch are shared by its images: this many bytes are some 600 Airbus tiles, or 40 as PNG.
_BATCH_BYTES = 64 << 20


class Executor(base_beam_executor.BaseBeamExecutor):
    """Streams every image once: read, judged in batches, written to its split or to the quarantine."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Inputs `raw_examples` and `schema`, outputs `examples` and `quarantine`.

        Raises:
            RuntimeError: images were lost or doubled on the way, by the runner's counters.
        """
        examples = artifact_utils.get_single_instance(input_dict["raw_examples"])
        screened = artifact_utils.get_single_instance(output_dict["examples"])
        quarantine = artifact_utils.get_single_instance(output_dict["quarantine"])
        schema_uri = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_uri))
        settings = ScreeningSettings.model_validate_json(str(exec_properties["settings"]))
        decisions_file = str(exec_properties.get("decisions") or "")

        screened.split_names = artifact_utils.encode_split_names(list(SPLITS))
        quarantine.split_names = artifact_utils.encode_split_names([QUARANTINE_SPLIT])
        for artifact in (screened, quarantine):
            examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        pipeline = self._make_beam_pipeline()
        build(
            pipeline,
            examples_uri=examples.uri,
            schema=schema,
            settings=settings,
            decisions=read_decisions(Path(decisions_file)) if decisions_file else {},
            screened_uri=screened.uri,
            quarantine_uri=quarantine.uri,
        )
        total = examples.get_int_custom_property(IMAGE_COUNT) or None
        with running(_STAGE, total, "images"):
            result = pipeline.run()
            result.wait_until_finish()
        counts = _counts(result)
        logging.info("%s", account(counts))
        for artifact, kind in ((screened, "clean"), (quarantine, "quarantined")):
            artifact.set_int_custom_property(IMAGE_COUNT, sum(counts[f"{kind} {split}"] for split in SPLITS))


def build(
    pipeline: beam.Pipeline,
    *,
    examples_uri: str,
    schema: schema_pb2.Schema,
    settings: ScreeningSettings,
    decisions: dict[str, Decision],
    screened_uri: str,
    quarantine_uri: str,
) -> None:
    """Adds the screening to a Beam pipeline: all splits of `SPLITS` are read and written."""
    judged = (
        pipeline
        | ReadSplits(examples_uri, SPLITS)
        | "Batch"
        >> beam.BatchElements(
            min_batch_size=_BATCH_BYTES, max_batch_size=_BATCH_BYTES, element_size_fn=_record_bytes
        )
        # The schema travels as text: protocol buffers of the upb kind cannot be pickled by every Beam.
        | "Judge"
        >> beam.ParDo(_Screen(text_format.MessageToString(schema), settings, decisions)).with_outputs(
            _ROWS, main="records"
        )
    )
    uris = {**dict.fromkeys(SPLITS, screened_uri), QUARANTINE_SPLIT: quarantine_uri}
    _ = judged.records | WriteSplits(uris)
    _ = (
        judged[_ROWS]
        | "Rows" >> beam.combiners.ToList()
        | "WriteCsv" >> beam.Map(_write_csv, posixpath.join(quarantine_uri, QUARANTINE_CSV))
    )


def account(counts: dict[str, int]) -> str:
    """One line that says where all images went.

    Args:
        counts: per split "in SPLIT", "clean SPLIT", "quarantined SPLIT"; "reason FEATURE" per
            feature, or "reason dropped", of quarantined images.

    Raises:
        RuntimeError: in some split, images in are not images out.
    """
    count = Counter(counts)
    for split in SPLITS:
        read, out = count[f"in {split}"], count[f"clean {split}"] + count[f"quarantined {split}"]
        if read != out:
            raise RuntimeError(f"{_STAGE} lost images: split {split} had {read}, {out} came out")
    read, clean, quarantined = (
        sum(count[f"{kind} {split}"] for split in SPLITS) for kind in ("in", "clean", "quarantined")
    )
    reasons = {name.removeprefix("reason "): n for name, n in count.items() if name.startswith("reason ")}
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    told = " (" + ", ".join(f"{n} {name}" for name, n in ordered) + ")" if ordered else ""
    return f"{_STAGE}: {read} images = {clean} clean + {quarantined} quarantined{told}"


class _Screen(beam.DoFn):
    """Batches of (split, record) to the same, quarantined examples with reasons, and rows of the table."""

    def __init__(self, schema_text: str, settings: ScreeningSettings, decisions: dict[str, Decision]) -> None:
        super().__init__()
        self._schema_text, self._settings, self._decisions = schema_text, settings, decisions

    def setup(self) -> None:
        schema = text_format.Parse(self._schema_text, schema_pb2.Schema())
        self._judge = Judge(schema, self._settings.enabled)

    def process(self, batch: list[tuple[str, bytes]]) -> Iterator[Any]:
        counts = Counter(f"in {split}" for split, _ in batch)
        table = self._judge.decode([record for _, record in batch])
        found = self._judge.findings(table)
        images = zip(batch, _texts(table, IMAGE_ID), _texts(table, SHA1), found, strict=True)
        for (split, record), image_id, sha1, findings in images:
            decision = self._decisions.get(image_id)
            if decision is not None and decision.sha1 != sha1:
                decision = None
            outcome = settle(findings, self._settings.actions, decision)
            row = Flagged(
                image_id,
                split,
                outcome.fate,
                "; ".join(outcome.reasons),
                sha1,
                outcome.features,
                outcome.stopping,
            )
            if outcome.fate != "clean":
                yield beam.pvalue.TaggedOutput(_ROWS, row)
            if outcome.is_kept:
                counts[f"clean {split}"] += 1
                yield split, record
            else:
                counts[f"quarantined {split}"] += 1
                counts.update(f"reason {cause}" for cause in row.causes)
                example = with_reasons(tf.train.Example.FromString(record), outcome.reasons)
                yield QUARANTINE_SPLIT, example.SerializeToString()
        for name, count in counts.items():
            Metrics.counter(_STAGE, name).inc(count)
        advance(_STAGE, len(batch))


def _record_bytes(item: tuple[str, bytes]) -> int:
    return len(item[1])


def with_reasons(example: tf.train.Example, reasons: Iterable[str]) -> tf.train.Example:
    """The example with the reasons as strings in a further feature; everything else stays as it was."""
    feature = example.features.feature[QUARANTINE_REASONS].bytes_list
    feature.ClearField("value")
    # A person's note need not be valid UTF-8.
    feature.value.extend(reason.encode(errors="surrogateescape") for reason in reasons)
    return example


def _texts(table: pa.RecordBatch, name: str) -> list[str]:
    # File names need not be valid UTF-8.
    return [
        b"".join(values or ()).decode(errors="surrogateescape") for values in table.column(name).to_pylist()
    ]


def _write_csv(rows: list[Flagged], path: str) -> None:
    with FileSystems.create(path, mime_type="text/csv") as file:
        file.write(table_of_flagged(rows))


def _counts(result: beam.runners.runner.PipelineResult) -> Counter[str]:
    metrics: Any = result.metrics().query(MetricsFilter().with_namespace(_STAGE))
    counts: Counter[str] = Counter()
    for counter in metrics["counters"]:
        counts[counter.key.metric.name] += counter.result
    return counts
