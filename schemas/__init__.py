"""The curated schema of the pipeline's examples. Imports nothing, so that settings can name it."""

from collections.abc import Iterable
from pathlib import Path

SHIP_IMAGES = Path(__file__).resolve().with_name("ship_images.pbtxt")


def with_columns(schema_text: str, columns: Iterable[str]) -> str:
    """The schema with further optional text features, e.g. the extra columns of scenes.csv.

    ExampleValidator reports every feature that a schema does not name as an anomaly ("New column"), and there
    is no way to tell it otherwise; naming the columns is what keeps its verdict about the images. Text-format
    protocol buffers may simply be continued, so no protocol buffer library is needed.

    Args:
        schema_text: a Schema in text format, e.g. `SHIP_IMAGES.read_text()`.
        columns: names of the features, not named in the schema yet.
    """
    return schema_text + "".join(_optional_text_feature(column) for column in columns)


def _optional_text_feature(name: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'feature {{\n  name: "{quoted}"\n  type: BYTES\n  value_count {{ min: 0 max: 1 }}\n}}\n'
