"""What `--format` offers; imports nothing heavy, since --help shows it."""

from enum import StrEnum


class Format(StrEnum):
    """A kind of output file."""

    AIRBUS = "airbus"
    GEOJSON = "geojson"
    COCO = "coco"
    COCO_POLYGONS = "coco-polygons"
