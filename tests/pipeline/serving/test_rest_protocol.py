"""REST as TF Serving speaks it, asked over HTTP."""

import gzip
import struct
import zlib
from base64 import b64decode, b64encode
from io import BytesIO

import cv2
import numpy as np
import pytest
from brightness_networks import encoded, scene
from PIL import Image

from components.masks import rle

BOX = (20, 30, 12, 25)
SHIP = scene(96, 64, BOX)
RLE = rle.encode((SHIP.mean(-1) > 130).astype(np.uint8))


def b64(image: bytes) -> dict[str, str]:
    return {"b64": b64encode(image).decode()}


def rows(*images: bytes, **more):
    return {"instances": [b64(image) for image in images], **more}


def bomb(width: int, height: int) -> bytes:
    """A PNG of 90 bytes that promises any number of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    return cv2.imencode(".jpg", SHIP)[1].tobytes()


def animation() -> bytes:
    file = BytesIO()
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (0, 200)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def tiff() -> bytes:
    return cv2.imencode(".tif", SHIP)[1].tobytes()


@pytest.mark.parametrize("path", ["/v1/models/ships", "/v1/models/ships/versions/7"])
def test_rows_in_rows_out(client, path):
    named = {"instances": [{"image_bytes": b64(encoded(SHIP))}, {"image_bytes": b64(encoded(scene(50, 70)))}]}
    for body in (rows(encoded(SHIP), encoded(scene(50, 70))), named):
        answer = client.predict(body, path + ":predict")
        assert answer.status == 200
        assert answer.headers["X-Model-Version"] == "7"
        assert answer.headers["Server-Timing"].startswith("model;dur=")
        first, second = answer.json["predictions"]
        assert first["encoded_pixels"] == RLE
        assert first["ship_pixels"] == 300
        assert first["ship_probability"] > 0.9
        assert second["encoded_pixels"] == ""


def test_columns_in_columns_out(client):
    both = [b64(encoded(SHIP)), b64(encoded(scene(50, 70)))]
    for inputs in (both, {"image_bytes": both}):
        answer = client.predict({"inputs": inputs, "signature_name": "mask"})
        assert answer.json["outputs"]["ship_pixels"] == [300, 0]
        png = b64decode(answer.json["outputs"]["mask_png_bytes"][0]["b64"])
        mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert rle.encode(mask) == RLE


def test_a_compressed_body_is_read(client):
    import json

    body = gzip.compress(json.dumps(rows(jpeg())).encode())
    assert client.http("/v1/models/ships:predict", body, Content_Encoding="gzip").status == 200


def test_a_body_that_is_packed_wrongly_is_refused_and_logs_nothing(client, caplog):
    for body in (b"no gzip at all", gzip.compress(jpeg() * 9)[:-2000] + b"\0" * 2000):
        answer = client.http("/find", body, Content_Encoding="gzip")
        assert answer.status == 400
        assert answer.json["error"] == "the body cannot be read to its end"
        assert client.http("/find", jpeg()).status == 200
    assert [record.getMessage() for record in caplog.records if record.name.startswith("aiohttp")] == []


def test_status_and_metadata(client):
    for path in ("/v1/models/ships", "/v1/models/ships/versions/7"):
        status = client.http(path).json["model_version_status"]
        assert status == [
            {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    metadata = client.http("/v1/models/ships/metadata").json
    assert metadata["model_spec"] == {"name": "ships", "signature_name": "", "version": "7"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    # What takes tf.Examples would get by the limits.
    assert set(signatures) == {"serving_default", "mask"}
    taken = signatures["mask"]["inputs"]["image_bytes"]
    assert (taken["dtype"], taken["tensor_shape"]["dim"]) == ("DT_STRING", [{"size": "-1"}])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        ({}, "exactly one"),
        ({"instances": [], "inputs": []}, "exactly one"),
        ({"instances": []}, "at least one"),
        ({"instances": "x"}, "list"),
        ({"instances": [1]}, "image 0: expected"),
        ({"instances": [b64(encoded(SHIP)), {"b64": 1}]}, "image 1: expected"),
        ({"instances": [{"b64": "a b"}]}, "image 0: not Base64"),
        ({"instances": [{"b64": ""}]}, "image 0: these 0 bytes begin no image"),
        ({"instances": [{"examples": b64(b"")}]}, "image_bytes"),
        ({"inputs": {"image": [b64(b"")]}}, "image_bytes"),
        (rows(jpeg(), instance=1), "unknown key"),
        (rows(jpeg(), signature_name="nothing"), "serving_default"),
        (rows(jpeg(), signature_name="evaluate"), "serving_default"),
        (rows(jpeg(), signature_name=3), "signature_name"),
        (rows(*[jpeg()] * 9), "at most 8"),
        (rows(jpeg(), jpeg()[:-200], jpeg()), "image 1: cannot be decoded"),
        (rows(jpeg(), b"no image"), "image 1: these 8 bytes begin no image"),
        (rows(bomb(60_000, 60_000)), "image 0: a decompression bomb"),
        (rows(bomb(2000, 1001)), "2000 x 1001 px; at most 2,000,000"),
        (rows(bomb(10, 10)), "image 0: cannot be decoded"),
        (rows(animation()), "animation"),
        (rows(tiff()), "is TIFF"),
    ],
)
def test_what_cannot_be_answered_is_told_and_the_server_lives_on(client, body, told):
    answer = client.predict(body)
    assert answer.status == 400
    assert set(answer.json) == {"error"}
    assert told in answer.json["error"]
    assert client.predict(rows(jpeg())).status == 200


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/v1/models/boats:predict", 404, "Servable not found for request: Latest(boats)"),
        ("/v1/models/ships/versions/8:predict", 404, "Specific(ships, 8)"),
        ("/v1/models/ships/versions/new:predict", 400, "no number"),
        ("/v1/models/ships:classify", 501, ":predict"),
        ("/v1/models/ships", 405, "GET"),
        ("/v2/models/ships/infer", 404, "Malformed request"),
    ],
)
def test_addresses_of_nothing(client, path, status, told):
    answer = client.predict(rows(jpeg()), path)
    assert answer.status == status
    assert told in answer.json["error"]


def test_unknown_version_has_no_status(client):
    assert client.http("/v1/models/ships/versions/8").status == 404
    assert client.http("/v1/models/boats").status == 404
    assert client.http("/v1/models/ships/versions/8/metadata").status == 404


def test_a_body_above_the_limit_is_refused_packed_or_not(client):
    plain = b" " * (3 << 20)
    assert client.predict(plain).status == 413
    packed = client.http("/v1/models/ships:predict", gzip.compress(plain), Content_Encoding="gzip")
    assert packed.status == 413
    assert "2 MiB" in packed.json["error"]
    assert client.predict(rows(jpeg())).status == 200


def test_find_gives_each_ship_alone(client):
    image = scene(200, 300, (10, 20, 12, 25), (100, 200, 30, 40))
    found = client.http("/find", encoded(image)).json
    assert (found["height"], found["width"], found["version"]) == (200, 300, 7)
    assert [ship["area_px"] for ship in found["ships"]] == [1200, 300]
    assert {key: found["ships"][1][key] for key in ("top", "left", "height", "width")} == {
        "top": 10,
        "left": 20,
        "height": 12,
        "width": 25,
    }
    alone = scene(200, 300, (10, 20, 12, 25)).mean(-1) > 130
    assert found["ships"][1]["encoded"] == rle.encode(alone)
    # RFC 7946: the outer ring counterclockwise; here in px from the upper left corner.
    box = [[20, 10], [45, 10], [45, 22], [20, 22]]
    assert found["ships"][1]["geometry"]["type"] == "Polygon"
    (ring,) = found["ships"][1]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == sorted(box)


def test_sample_is_an_image_the_server_takes(client):
    sample = client.http("/sample.jpg?seed=3")
    assert cv2.imdecode(np.frombuffer(sample.body, np.uint8), cv2.IMREAD_COLOR).shape == (768, 768, 3)
    assert client.http("/find", sample.body).status == 200
    assert client.http("/sample.jpg?seed=-1").status == 400


def test_operators_can_ask(client):
    assert client.http("/healthz").status == client.http("/readyz").status == 200
    client.predict(rows(jpeg(), jpeg()))
    client.predict(b"{")
    before = _numbers(client)
    client.predict(rows(jpeg(), jpeg()))
    client.predict(b"{")
    after = _numbers(client)
    grown = {name: after[name] - before[name] for name in after if after[name] != before.get(name, 0)}
    assert grown['ships_requests_total{outcome="ok",protocol="rest"}'] == 1
    assert grown['ships_requests_total{outcome="invalid",protocol="rest"}'] == 1
    assert grown['ships_request_seconds_count{protocol="rest"}'] == 2
    assert grown["ships_images_total"] == 2
    assert after['ships_model_version{model="ships"}'] == 7
    assert after["ships_requests_under_way"] == 0


def _numbers(client) -> dict[str, float]:
    lines = client.http("/metrics").body.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}
