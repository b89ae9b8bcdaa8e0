"""The table of the images that the screening flagged, for people and later stages. Imports no TensorFlow."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

QUARANTINE_CSV = "quarantine.csv"
CSV_COLUMNS = ("image_id", "split", "outcome", "reasons", "sha1", "features", "stopping")
_BETWEEN = "; "


@dataclass(frozen=True)
class Flagged:
    """A row of `QUARANTINE_CSV`.

    Attributes:
        image_id: file name.
        split: where the image is, or would have been.
        outcome: see `outcome.Fate`.
        reasons: as people read them, one after the other. They cannot be taken apart again: what a person
            or a label's faults say may look like the end of a reason.
        sha1: of the file that was judged, in hexadecimal.
        features: the features that speak against the image.
        stopping: those of them that are to stop the run.
    """

    image_id: str
    split: str
    outcome: str
    reasons: str
    sha1: str
    features: tuple[str, ...] = ()
    stopping: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        """What the image counts for: "dropped" if a person said so, and the features."""
        return (*(["dropped"] if self.outcome == "dropped" else []), *self.features)


def table_of_flagged(rows: Iterable[Flagged]) -> bytes:
    """Content of `QUARANTINE_CSV`, by split and name."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for row in sorted(rows, key=attrgetter("split", "image_id")):
        lists = (_BETWEEN.join(names) for names in (row.features, row.stopping))
        table.writerow((row.image_id, row.split, row.outcome, row.reasons, row.sha1, *lists))
    # File names need not be valid UTF-8.
    return text.getvalue().encode(errors="surrogateescape")


def read_flagged(content: bytes) -> Iterator[Flagged]:
    """Rows of a `QUARANTINE_CSV`; in one of an older version the features are what the reasons begin with."""
    text = content.decode(errors="surrogateescape")
    for row in csv.DictReader(io.StringIO(text, newline="")):
        told = [reason.partition(" ")[0] for reason in row["reasons"].split(_BETWEEN)]
        features, stopping = (
            tuple(filter(None, row.pop(name, default).split(_BETWEEN)))
            for name, default in (("features", _BETWEEN.join(told)), ("stopping", ""))
        )
        yield Flagged(**row, features=features, stopping=stopping)
