"""The tables that are written of finished images: Airbus CSV, GeoJSON, COCO.

Entries are gone through one by one, so that memory does not grow with their number.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from components.errors import InputError
from components.masks import geojson, rle
from components.masks.instances import Instance, box_pixels
from components.masks.outlines import outlines
from pipeline.prediction.forms import Format
from pipeline.prediction.journal import Entry, Picture

# So that a file can be read again from the start.
Entries = Callable[[], Iterator[Entry]]


# COCO's compressed run lengths have 32 bits.
_COCO_PIXELS = 1 << 32
_SHIP_CATEGORY = 1


def write(form: Format, entries: Entries, version: int, path: Path) -> None:
    """Write a table.

    Args:
        form: which.
        entries: each image followed by its ships.
        version: of the model, told where the format has a place for it.
        path: of the file.

    Raises:
        InputError: an image is too large for the format.
    """
    with path.open("wb") as file:
        if form is Format.AIRBUS:
            _write_airbus(entries(), file)
        elif form is Format.GEOJSON:
            _write_geojson(entries(), version, file)
        else:
            _write_coco(entries, version, form is Format.COCO_POLYGONS, file)


def _write_airbus(entries: Iterable[Entry], file: IO[bytes]) -> None:
    """A row for each ship, and one with an empty mask for an image without."""
    text = _Text(file)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("ImageId", "EncodedPixels"))
    empty: str | None = None
    image_id = ""
    for entry in entries:
        if isinstance(entry, Picture):
            if empty is not None:
                rows.writerow((empty, ""))
            empty = image_id = entry.image_id
        else:
            rows.writerow((image_id, entry.instance.encoded))
            empty = None
    if empty is not None:
        rows.writerow((empty, ""))


class _Text:
    """What csv writes to; file names that are no UTF-8 keep their bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode("utf-8", "surrogateescape"))


def _write_geojson(entries: Iterable[Entry], version: int, file: IO[bytes]) -> None:
    """RFC 7946: a feature for each ship; images without ships leave no trace."""
    file.write(b'{"type":"FeatureCollection","features":[')
    _write_items(_features(entries, version), file)
    file.write(b"]}\n")


def _features(entries: Iterable[Entry], version: int) -> Iterator[dict[str, Any]]:
    picture: Picture | None = None
    for entry in entries:
        if isinstance(entry, Picture):
            picture = entry
        elif picture:
            yield {
                "type": "Feature",
                "geometry": _geometry(entry.instance, picture),
                "properties": {
                    "image_id": picture.image_id,
                    "area_px": entry.instance.area_px,
                    "score": entry.score,
                    "model_version": version,
                    "coordinates": "WGS84" if picture.crs else "pixels",
                },
            }


def _geometry(instance: Instance, picture: Picture) -> geojson.Geometry:
    polygons = geojson.polygons_px(instance, picture.height)
    if not picture.crs:
        return geojson.geometry(polygons)
    # An optional library, of which GeoTIFFs cannot have done without.
    from pipeline.prediction.rasters import to_wgs84  # noqa: PLC0415

    return geojson.geometry(to_wgs84(polygons, picture))


def _write_coco(entries: Entries, version: int, as_polygons: bool, file: IO[bytes]) -> None:
    """COCO's object detection layout with a score for each annotation."""
    info = {"description": "Ships found on satellite images", "version": str(version)}
    categories = [{"id": _SHIP_CATEGORY, "name": "ship", "supercategory": "vessel"}]
    file.write(b'{"info":' + _json(info) + b',"categories":' + _json(categories))
    file.write(b',"images":[')
    pictures = (entry for entry in entries() if isinstance(entry, Picture))
    _write_items(
        (
            {"id": number, "file_name": one.image_id, "height": one.height, "width": one.width}
            for number, one in enumerate(pictures, 1)
        ),
        file,
    )
    file.write(b'],"annotations":[')
    _write_items(_annotations(entries(), as_polygons), file)
    file.write(b"]}\n")


def _annotations(entries: Iterable[Entry], as_polygons: bool) -> Iterator[dict[str, Any]]:
    picture: Picture | None = None
    images = ships = 0
    for entry in entries:
        if isinstance(entry, Picture):
            picture, images = entry, images + 1
        elif picture:
            ships += 1
            one = entry.instance
            yield {
                "id": ships,
                "image_id": images,
                "category_id": _SHIP_CATEGORY,
                "segmentation": _rings(one, picture) if as_polygons else _run_lengths(one, picture),
                "bbox": [one.left, one.top, one.width, one.height],
                "area": one.area_px,
                "iscrowd": 0,
                "score": entry.score,
            }


def _rings(instance: Instance, picture: Picture) -> list[list[int]]:
    """Outer rings as x, y, x, y, ...; COCO's polygons know no holes."""
    offset = np.array([instance.left, instance.top])
    polygons = outlines(box_pixels(instance, picture.height))
    return [(polygon.outer + offset).ravel().tolist() for polygon in polygons]


def _run_lengths(instance: Instance, picture: Picture) -> dict[str, Any]:
    if picture.height * picture.width >= _COCO_PIXELS:
        raise InputError(
            f"{picture.image_id}: COCO's run lengths end at {_COCO_PIXELS:,} pixels; give another --format, "
            "which takes what has been found"
        )
    runs = rle.parse_runs(instance.encoded, picture.height, picture.width)
    coded = rle.runs_to_rlemask(runs, picture.height, picture.width).to_dict()
    return {"size": [picture.height, picture.width], "counts": coded["counts"].decode()}


def _write_items(items: Iterable[dict[str, Any]], file: IO[bytes]) -> None:
    for number, item in enumerate(items):
        file.write((b",\n" if number else b"\n") + _json(item))


def _json(content: object) -> bytes:
    # ASCII alone keeps file names that are no UTF-8.
    return json.dumps(content, separators=(",", ":")).encode()
