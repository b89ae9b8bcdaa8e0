"""GeoJSON and COCO of plain and of georeferenced images."""

import io
import json

import cv2
import numpy as np
import pytest
from brightness_networks import encoded, scene
from pycocotools.coco import COCO
from rich.console import Console

from components.errors import InputError
from components.masks import rle
from components.masks.instances import Instance
from pipeline.prediction import formats, rasters
from pipeline.prediction.command import predict
from pipeline.prediction.forms import Format
from pipeline.prediction.journal import Journal, Picture, Ship, Source, read_entries

BOXES = (10, 20, 12, 25), (100, 200, 30, 40)
TWO = scene(200, 300, *BOXES)
TOP, LEFT, DOWN, ACROSS = 900, 1000, 60, 90


@pytest.fixture
def geotiff(tmp_path):
    """A scene in UTM zone 33 north of 10 m pixels, with a ship on a border of windows."""
    rasterio = pytest.importorskip("rasterio")
    image = scene(1200, 1100, (TOP, LEFT, DOWN, ACROSS))
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        height=1200,
        width=1100,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=rasterio.transform.from_origin(500_000, 6_000_000, 10, 10),
    ) as file:
        file.write(image.transpose(2, 0, 1))
    return tmp_path / "scene.tif"


def _predict(paths, output, client, form):
    told = Console(file=io.StringIO(), record=True, width=200)
    given = {
        "list_file": None,
        "server": f"127.0.0.1:{client.server.rest_port}",
        "name": "ships",
        "min_pixels": 1,
        "beam": None,
        "console": told,
    }
    predict(list(map(str, paths)), models=None, output=output, form=form, verbose=True, **given)
    return told.export_text()


def _plain(tmp_path):
    (tmp_path / "two.png").write_bytes(encoded(TWO))
    (tmp_path / "none.png").write_bytes(encoded(scene(64, 64)))
    return [tmp_path / "none.png", tmp_path / "two.png"]


@pytest.mark.parametrize("form", [Format.COCO, Format.COCO_POLYGONS])
def test_pycocotools_reads_the_masks(tmp_path, client, form):
    output = tmp_path / "out.json"
    _predict(_plain(tmp_path), output, client, form)
    coco = COCO(str(output))
    assert [image["file_name"] for image in coco.imgs.values()] == ["none.png", "two.png"]
    assert coco.loadCats([1])[0]["name"] == "ship"
    first, second = coco.loadAnns(coco.getAnnIds())
    assert coco.imgs[first["image_id"]]["file_name"] == "two.png"
    assert first["bbox"] == [200, 100, 40, 30]
    assert first["area"] == 1200
    assert 0.9 < first["score"] <= 1
    np.testing.assert_array_equal(coco.annToMask(first) + coco.annToMask(second), TWO.mean(-1) > 130)
    # As detections, beside a ground truth.
    assert len(coco.loadRes([first, second]).anns) == 2


def test_geojson_in_pixels(tmp_path, client):
    output = tmp_path / "out.geojson"
    _predict(_plain(tmp_path), output, client, Format.GEOJSON)
    first, second = json.loads(output.read_text())["features"]
    (ring,) = first["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == [[200, 100], [200, 130], [240, 100], [240, 130]]
    assert first["properties"] == second["properties"] | {"area_px": 1200}
    assert second["properties"]["image_id"] == "two.png"
    assert second["properties"]["coordinates"] == "pixels"
    assert second["properties"]["model_version"] == 7


def test_geojson_of_a_geotiff_is_in_longitude_and_latitude(tmp_path, client, geotiff):
    from rasterio.warp import transform

    output = tmp_path / "out.geojson"
    _predict([geotiff], output, client, Format.GEOJSON)
    (feature,) = json.loads(output.read_text())["features"]
    assert feature["properties"]["coordinates"] == "WGS84"
    assert feature["properties"]["area_px"] == DOWN * ACROSS
    (ring,) = feature["geometry"]["coordinates"]
    ring = np.array(ring)
    assert (ring[0] == ring[-1]).all()
    # On longitude 15 and a little east of it, around latitude 54; counterclockwise as RFC 7946 wants it.
    x, y = ring[:-1].T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0
    east, north = transform("OGC:CRS84", "EPSG:32633", x, y)
    expected = {(LEFT, TOP), (LEFT + ACROSS, TOP), (LEFT, TOP + DOWN), (LEFT + ACROSS, TOP + DOWN)}
    found = {
        (round((e - 500_000) / 10, 2), round((6_000_000 - n) / 10, 2))
        for e, n in zip(east, north, strict=True)
    }
    assert found == expected


def test_a_geotiff_gives_the_ships_of_the_same_pixels_as_png(tmp_path, client, geotiff):
    (tmp_path / "scene.png").write_bytes(encoded(scene(1200, 1100, (TOP, LEFT, DOWN, ACROSS))))
    _predict([geotiff, tmp_path / "scene.png"], tmp_path / "out.csv", client, Format.AIRBUS)
    _, of_tiff, of_png = (tmp_path / "out.csv").read_text().splitlines()
    row = rle.encode(scene(1200, 1100, (TOP, LEFT, DOWN, ACROSS)).mean(-1) > 130)
    assert (of_tiff, of_png) == (f"scene.tif,{row}", f"scene.png,{row}")


def test_rasters_that_cannot_be_used_are_listed(tmp_path, client, geotiff):
    cv2.imwrite(str(tmp_path / "deep.tif"), np.zeros((50, 60, 3), np.uint16))
    (tmp_path / "torn.tif").write_bytes(geotiff.read_bytes()[:100_000])
    (tmp_path / "text.tif").write_bytes(b"II*\0 and then no image")
    names = [tmp_path / f"{name}.tif" for name in ("deep", "torn", "text")]
    _predict([geotiff, *names], tmp_path / "out.csv", client, Format.AIRBUS)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2
    _, deep, torn, text = (tmp_path / "out.csv.broken.csv").read_text().splitlines()
    assert "bands of type uint16; expected 8 bits" in deep
    assert "cannot be read to its end" in torn
    assert "cannot be read to its end" in text


def test_without_rasterio_the_extra_is_named(tmp_path, client, monkeypatch):
    monkeypatch.setattr(rasters, "installed", lambda: False)
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(InputError, match=r"extra `geo`: pip install 'ship-segmentation-pipeline\[geo\]'"):
        _predict([tmp_path / "a.tif"], tmp_path / "out.csv", client, Format.AIRBUS)


def test_across_the_antimeridian_a_ship_is_cut_in_two():
    pytest.importorskip("rasterio")
    from rasterio.crs import CRS

    picture = Picture("", 10, 10, CRS.from_epsg(3832).to_wkt(), (1000.0, 0, 3_330_000.0, 0, -1000.0, 0))
    box = [[[x, y] for x, y in ((0, 0), (0, 9), (19, 9), (19, 0), (0, 0))]]
    east, west = sorted(rasters.to_wgs84([box], picture), key=lambda rings: -rings[0][0][0])
    assert max(x for x, _ in east[0]) == 180
    assert min(x for x, _ in west[0]) == -180


def test_an_image_too_large_for_coco_is_named(tmp_path):
    one = Ship(Instance(0, 0, 1, 1, 1, "1 1"), 0.5)
    entries = [Picture("wide.tif", 1 << 16, 1 << 16), one]
    with pytest.raises(InputError, match=r"wide.tif: COCO's run lengths end at"):
        formats.write(Format.COCO, lambda: iter(entries), 1, tmp_path / "out.json")
    formats.write(Format.COCO_POLYGONS, lambda: iter(entries), 1, tmp_path / "out.json")


def test_a_journal_of_something_else_counts_as_none(tmp_path):
    (tmp_path / "part").write_text("ImageId,EncodedPixels\na.png,1 1\n")
    source = Source.of(tmp_path / "\udcff.png")
    with Journal(tmp_path / "part") as journal:
        assert journal.finished == set()
        journal.begin(source)
        journal.add(Picture("\udcff.png", 1, 1))
        journal.end()
    with Journal(tmp_path / "part") as journal:
        assert journal.finished == {source}
    assert list(read_entries(tmp_path / "part", {source})) == [Picture("\udcff.png", 1, 1)]
    assert list(read_entries(tmp_path / "part", set())) == []
