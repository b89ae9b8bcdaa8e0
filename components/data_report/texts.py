"""Text of tables and examples, at a length that a page can show.

Bytes that are not UTF-8 are escaped as Python does, so that names that differ in nothing else stay apart.
"""

import csv
import io
from collections.abc import Iterator

import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

# TFDV lists every unexpected value: seen, 157,233 characters about one feature.
_LONGEST_TEXT = 400


def read_table(path: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV by column, on any filesystem."""
    with FileSystems.open(path) as file:
        yield from csv.DictReader(
            io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        )


def text(feature: tf.train.Feature) -> str:
    """The value of a text feature; file names need not be UTF-8."""
    return b"".join(feature.bytes_list.value).decode(errors="surrogateescape")


def shortened(long: str) -> str:
    """A text of at most 400 characters, saying how much was cut off."""
    if len(long) <= _LONGEST_TEXT:
        return long
    return f"{long[:_LONGEST_TEXT].rstrip()} ... ({len(long):,} characters in all)"
