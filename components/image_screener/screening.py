"""Judges images one by one against the schema, through TensorFlow Data Validation.

TFDV needs 170 ms for the statistics of a single example (30 ms with the smallest histograms), whatever the
size of the image: hours for the 192,556 images of the full data set. But every rule of the schema that is
used here is broken by a batch as soon as one image in it breaks it: ranges look at the smallest and largest
value, domains at all values, required features at all examples. So whole batches are tested, and only a
batch with an anomaly is halved, and only for the features that were anomalous, until the images are found
(group testing: Dorfman, "The detection of defective members of large populations", Annals of Mathematical
Statistics 14, 1943). What looks wrong at first sight is kept out of the batch and tested alone, for those
features (4 ms), so that batches are rarely halved. First sight only decides what is tested together; the
verdict about each image is TFDV's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from numpy.typing import NDArray
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components import examples
from components.errors import InputError
from components.examples import (
    DECODE_OK,
    DECODE_REASON,
    DUPLICATE_OF,
    IS_DUPLICATE,
    LABEL_DOUBT,
    LABEL_OK,
    LABEL_PLAUSIBLE,
    LABEL_REASON,
)
from components.ship_example_gen.decoding import decode
from components.ship_example_gen.quality import measure

# Without these two nothing can be trained, so they are judged whatever the settings say.
ESSENTIAL = (DECODE_OK, LABEL_OK)
# Features that say in words why another one is as it should not be.
_NOTES = {
    DECODE_OK: DECODE_REASON,
    LABEL_OK: LABEL_REASON,
    LABEL_PLAUSIBLE: LABEL_DOUBT,
    IS_DUPLICATE: DUPLICATE_OF,
}

# Those of tfx_bsl's decoder.
_ARROW_TYPES = {
    schema_pb2.INT: pa.large_list(pa.int64()),
    schema_pb2.FLOAT: pa.large_list(pa.float32()),
    schema_pb2.BYTES: pa.large_list(pa.large_binary()),
}

Row = dict[str, list[int] | list[float] | list[bytes] | None]
"""Values of the judged features of one image; None or no entry where it has no such feature."""


@dataclass(frozen=True)
class Finding:
    """One reason against an image.

    Attributes:
        feature: name of the feature, e.g. "luma_mean".
        measured: its value as text, "" if there is none.
        expected: what the schema allows, e.g. "[2, 200]".
        note: explanation beyond the range, e.g. why a label is bad.
    """

    feature: str
    measured: str
    expected: str
    note: str = ""

    def __str__(self) -> str:
        found = f"{self.feature} {self.measured} not in {self.expected}" if self.measured else self.feature
        return f"{found}: {self.note}" if self.note else found


def read_schema(path: Path) -> schema_pb2.Schema:
    """A schema in text format.

    Raises:
        InputError: the file cannot be read or is no schema.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise InputError(
            f"{path} cannot be read as a schema: {error}. Start from a copy of schemas/ship_images.pbtxt."
        ) from error


def image_row(image_bytes: bytes, reason: str = "") -> Row:
    """What there is to judge of an image by itself, its label taken for that of an image without ships.

    Args:
        image_bytes: the file as found; may be no image at all.
        reason: why the file was not read, "" if it was or nothing is known.
    """
    decoded = decode(image_bytes)
    row: Row = {
        examples.SHIP_COUNT: [0],
        examples.SHIP_GROUP: [examples.ship_group(0).encode()],
        examples.HAS_SHIP: [0],
        examples.SHIP_PIXELS: [0],
        LABEL_OK: [1],
        LABEL_PLAUSIBLE: [1],
        IS_DUPLICATE: [0],
        DECODE_OK: [int(decoded.rgb is not None)],
        DECODE_REASON: [(decoded.reason or reason).encode()],
        examples.HEIGHT: [decoded.height],
        examples.WIDTH: [decoded.width],
        examples.CHANNELS: [decoded.channels],
        examples.FORMAT: [decoded.format.encode()],
        examples.FILE_BYTES: [len(image_bytes)],
    }
    row.update({name: [measured] for name, measured in measure(decoded).items()})
    return row


class Judge:
    """Finds the images that break the schema."""

    def __init__(self, schema: schema_pb2.Schema, all_features: bool = True) -> None:
        """Prepare the rules.

        Args:
            schema: of the data set. Rules about presence in a share of the examples are for data sets and are
                not applied to single images.
            all_features: judge by every feature with a range or domain; else only by `ESSENTIAL`.

        Raises:
            ValueError: the schema has no rule for an essential feature.
        """
        self._domains = {domain.name: domain for domain in schema.string_domain}
        self._features: dict[str, schema_pb2.Feature] = {}
        for feature in schema.feature:
            if has_rule(feature) and (all_features or feature.name in ESSENTIAL):
                rule = self._features[feature.name] = schema_pb2.Feature()
                rule.CopyFrom(feature)
                if rule.presence.min_fraction < 1:
                    rule.ClearField("presence")
        missing = [name for name in ESSENTIAL if name not in self._features]
        if missing:
            raise ValueError(f"the schema has no range for {', '.join(missing)}")
        # What explains a verdict, and who it is about.
        told = dict.fromkeys((*_NOTES.values(), examples.IMAGE_ID, examples.SHA1), schema_pb2.BYTES)
        self._types = {name: feature.type for name, feature in self._features.items()} | told
        read = [schema_pb2.Feature(name=name, type=kind) for name, kind in self._types.items()]
        self._decoder = ExamplesToRecordBatchDecoder(schema_pb2.Schema(feature=read).SerializeToString())

    def decode(self, records: Sequence[bytes]) -> pa.RecordBatch:
        """The few values of serialized examples that are judged or told, neither images nor masks.

        Returns:
            A list column for each judged feature and each that explains a verdict, for `IMAGE_ID` and `SHA1`;
            null where an example has no such feature, or no values in it.

        Raises:
            ValueError: a feature is of another type than the schema says, or a record is no example.
        """
        try:
            return self._decoder.DecodeBatch(records)
        except RuntimeError as error:
            raise ValueError(f"the examples do not fit the schema: {error}") from error

    def table(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """The same of rows."""
        return pa.RecordBatch.from_arrays(
            [
                pa.array([row.get(name) for row in rows], _ARROW_TYPES[kind])
                for name, kind in self._types.items()
            ],
            list(self._types),
        )

    def findings(self, table: pa.RecordBatch) -> list[list[Finding]]:
        """Reasons against each image of a table (see `decode`), in its order; an ordinary image has none.

        Of an image that cannot be decoded only `ESSENTIAL` is judged: its other measures mean nothing, and
        one clear reason is worth more than six that follow from it.
        """
        found: list[list[Finding]] = [[] for _ in range(table.num_rows)]
        broken = _holds(table.column(DECODE_OK), lambda values: values == 0)
        self._judge(table, np.flatnonzero(~broken), list(self._features), found)
        self._judge(table, np.flatnonzero(broken), list(ESSENTIAL), found)
        return found

    def _judge(
        self, table: pa.RecordBatch, members: NDArray[np.intp], names: list[str], found: list[list[Finding]]
    ) -> None:
        """Tests what looks ordinary together and the rest image by image; fills `found`."""
        suspects: dict[int, list[str]] = {}
        together = {}
        for name in names:
            column = table.column(name)
            ordinary = self._looks_ordinary(name, column)[members]
            for index in members[~ordinary].tolist():
                suspects.setdefault(index, []).append(name)
            if ordinary.any():
                # Odd values are replaced by those of another image, since a batch has a value of each feature
                # for each image.
                together[name] = column.take(np.where(ordinary, members, members[ordinary.argmax()]))
        missed = self._anomalies(pa.RecordBatch.from_pydict(together)) if together else {}
        self._search(table, members, [name for name in names if name in missed], found)
        for index, odd_names in suspects.items():
            alone = np.array([index])
            self._search(table, alone, [name for name in odd_names if name not in missed], found)
            found[index].sort(key=lambda finding: names.index(finding.feature))

    def _looks_ordinary(self, name: str, column: pa.Array) -> NDArray[np.bool_]:
        """First sight of all values of a feature. Where it errs, nothing but time is lost."""
        feature = self._features[name]
        kind = feature.WhichOneof("domain_info")
        domain = getattr(feature, kind)
        if kind == "domain":
            words = [word.encode() for word in self._domains[domain].value]
            ordinary = _holds(column, lambda values: np.isin(values, np.array(words, object)))
        else:
            low, high = domain.min, domain.max
            ordinary = _holds(column, lambda values: (low <= values) & (values <= high))
        if not feature.HasField("presence"):
            ordinary |= column.is_null().to_numpy(zero_copy_only=False)
        return ordinary

    def _search(
        self, table: pa.RecordBatch, members: NDArray[np.intp], names: list[str], found: list[list[Finding]]
    ) -> None:
        """Halves the members of a batch until each anomaly has its image; fills `found`."""
        if not len(members) or not names:
            return
        anomalous = self._anomalies(
            pa.RecordBatch.from_pydict({name: table.column(name).take(members) for name in names})
        )
        if not anomalous:
            return
        suspects = [name for name in names if name in anomalous]
        if len(members) == 1:
            (index,) = members.tolist()
            found[index] += [self._finding(name, table, index, anomalous[name]) for name in suspects]
            return
        middle = len(members) // 2
        self._search(table, members[:middle], suspects, found)
        self._search(table, members[middle:], suspects, found)

    def _anomalies(self, batch: pa.RecordBatch) -> dict[str, anomalies_pb2.AnomalyInfo]:
        """TFDV's anomalies of a batch by feature name."""
        schema = schema_pb2.Schema(
            feature=[self._features[name] for name in batch.schema.names],
            string_domain=self._domains.values(),
        )
        # Nobody looks at the histograms, which otherwise take most of the time.
        options = tfdv.StatsOptions(
            schema=schema,
            num_histogram_buckets=1,
            num_quantiles_histogram_buckets=1,
            num_values_histogram_buckets=2,
        )
        statistics = stats_impl.generate_statistics_in_memory(batch, options)
        anomalies = tfdv.validate_statistics(statistics, schema)
        return {info.path.step[0]: info for info in anomalies.anomaly_info.values()}

    def _finding(
        self, name: str, table: pa.RecordBatch, index: int, info: anomalies_pb2.AnomalyInfo
    ) -> Finding:
        values = table.column(name)[index].as_py()
        if not values or len(values) != 1:
            return Finding(name, "", self._expected(name), info.description.strip())
        reasons = (table.column(_NOTES[name])[index].as_py() or []) if name in _NOTES else []
        note = "; ".join(_as_text(reason) for reason in reasons if reason)
        return Finding(name, _as_text(values[0]), self._expected(name), note)

    def _expected(self, name: str) -> str:
        feature = self._features[name]
        kind = feature.WhichOneof("domain_info")
        if kind == "domain":
            return "{" + ", ".join(self._domains[feature.domain].value) + "}"
        domain = getattr(feature, kind)
        return (
            f"[{domain.min:g}, {domain.max:g}]" if kind == "float_domain" else f"[{domain.min}, {domain.max}]"
        )


def has_rule(feature: schema_pb2.Feature) -> bool:
    """Whether the schema says which values are ordinary, not only that there are some."""
    return feature.WhichOneof("domain_info") in ("int_domain", "float_domain", "domain")


def _holds(column: pa.Array, condition: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """At which places of a list column there is exactly one value, and that under a condition."""
    single = pc.fill_null(pc.equal(pc.list_value_length(column), 1), False)
    holds = np.array(single.to_numpy(zero_copy_only=False), bool)
    holds[holds] = condition(column.filter(single).flatten().to_numpy(zero_copy_only=False))
    return holds


def _as_text(value: float | bytes) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace") or '""'
    return f"{value:.6g}" if isinstance(value, float) else str(value)
