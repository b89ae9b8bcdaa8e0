"""GeoTIFFs and other files that are read window by window, by rasterio, which is optional.

https://rasterio.readthedocs.io
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.prediction.journal import Picture
from pipeline.serving.faults import RefusedImageError

NEEDED = (
    "rasterio is needed for GeoTIFFs and for images above 67 million pixels; install the extra `geo`: "
    "pip install 'ship-segmentation-pipeline[geo]'"
)
# GDAL keeps blocks that it has read; bands come one after the other, so few are enough.
_CACHE_MB = 64
# 1e-7 degrees are a centimetre.
_DECIMALS = 7
_WGS84 = "OGC:CRS84"

Rings = list[list[Any]]


def installed() -> bool:
    """Whether rasterio is there."""
    return find_spec("rasterio") is not None


class Raster:
    """An open file of which rows can be read."""

    def __init__(self, dataset: Any, image_id: str) -> None:
        """Look at what the file says of itself.

        Raises:
            RefusedImageError: other than 8 bits a band, or a place on earth that cannot be told.
        """
        kinds = set(dataset.dtypes)
        if kinds != {"uint8"}:
            raise RefusedImageError(
                f"bands of type {', '.join(sorted(kinds))}; expected 8 bits: "
                "gdal_translate -ot Byte -scale makes them"
            )
        self._dataset = dataset
        self._bands = _visible_bands(dataset)
        placed = dataset.crs is not None
        self.picture = Picture(
            image_id,
            dataset.height,
            dataset.width,
            dataset.crs.to_wkt() if placed else "",
            tuple(dataset.transform)[:6] if placed else (),
        )
        if placed:
            self._check_place()

    def rows(self, top: int, bottom: int) -> npt.NDArray[np.uint8]:
        """Rows of all columns: uint8 [bottom - top, width, 3] RGB.

        Raises:
            OSError: the file is damaged there.
        """
        bands = self._dataset.read(self._bands, window=((top, bottom), (0, self.picture.width)))
        rows: npt.NDArray[np.uint8] = np.ascontiguousarray(bands.transpose(1, 2, 0))
        return rows

    def _check_place(self) -> None:
        from rasterio.errors import RasterioError  # noqa: PLC0415

        corner = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
        try:
            ((ring, *_), *_) = to_wgs84([corner], self.picture)
            known = bool(np.isfinite(ring).all())
        except (RasterioError, ValueError):
            known = False
        if not known:
            raise RefusedImageError("its coordinates cannot be brought to longitude and latitude")


@contextmanager
def open_raster(path: Path) -> Iterator[Raster]:
    """Open a file for reading.

    Raises:
        RefusedImageError: rasterio is missing, or see Raster.
        OSError: no such file, or none that GDAL can read.
    """
    if not installed():
        raise RefusedImageError(NEEDED)
    import rasterio  # noqa: PLC0415

    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB), rasterio.open(path) as dataset:
        yield Raster(dataset, path.name)


def to_wgs84(polygons: list[Rings], picture: Picture) -> list[Rings]:
    """Polygons in longitude and latitude, cut in two where they cross the antimeridian.

    Args:
        polygons: each a list of closed rings, these lists of (x, y) in px of the picture.
        picture: with a crs.

    Returns:
        Polygons in the same form, in degrees; rings may run either way.
    """
    from rasterio.warp import transform_geom  # noqa: PLC0415

    a, b, c, d, e, f = picture.transform
    placed = [
        [[(a * x + b * y + c, d * x + e * y + f) for x, y in ring] for ring in rings] for rings in polygons
    ]
    geometry = {"type": "MultiPolygon", "coordinates": placed}
    moved = transform_geom(picture.crs, _WGS84, geometry, antimeridian_cutting=True, precision=_DECIMALS)
    coordinates: list[Rings] = moved["coordinates"]
    return [coordinates] if moved["type"] == "Polygon" else coordinates  # type: ignore[list-item]


def _visible_bands(dataset: Any) -> list[int]:
    """Numbers of the bands that are red, green and blue: as marked, else the first three, or one for all."""
    marked = {interpretation.name: band for band, interpretation in enumerate(dataset.colorinterp, 1)}
    if {"red", "green", "blue"} <= marked.keys():
        return [marked["red"], marked["green"], marked["blue"]]
    return [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
