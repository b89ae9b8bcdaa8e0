"""`ships predict` on a folder of models and by a server."""

import csv
import io
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from brightness_networks import encoded, scene
from rich.console import Console

from components.errors import InputError, ShipsError
from components.masks import rle
from components.masks.instances import Instance
from pipeline.prediction import images as prediction_images
from pipeline.prediction.command import predict
from pipeline.prediction.forms import Format
from pipeline.prediction.journal import Journal, Picture, Ship, Source

# Networks, TFX or TFDV as a whole: seconds each.
pytestmark = pytest.mark.slow

BOXES = (10, 20, 12, 25), (100, 200, 30, 40)
TWO = scene(200, 300, *BOXES)


def _rle(box):
    return rle.encode(scene(200, 300, box).mean(-1) > 130)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "two.png").write_bytes(encoded(TWO))
    (folder / "none, here.png").write_bytes(encoded(scene(64, 64)))
    (folder / "torn.jpg").write_bytes(encoded(TWO, ".jpg")[:-300])
    (folder / "text.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def models(saved_model, tmp_path):
    shutil.copytree(saved_model, tmp_path / "models" / "ships" / "3")
    return tmp_path / "models"


def _predict(images, output, **options):
    told = Console(record=True, width=200, file=io.StringIO())
    given = {"list_file": None, "models": None, "server": "", "name": "ships", "min_pixels": 1, "beam": None}
    given |= {"form": Format.AIRBUS, "console": told, **options}
    predict(list(map(str, images)), output=output, verbose=True, **given)
    return told.export_text()


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("by", ["models", "server", "beam"])
def test_a_row_for_each_ship_and_one_for_none(images, tmp_path, by, request):
    output = tmp_path / "out.csv"
    if by == "models":
        told = _predict([images], output, models=request.getfixturevalue("models"))
    else:
        port = request.getfixturevalue("client").server.rest_port
        beam = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner" if by == "beam" else None
        told = _predict([images], output, server=f"http://127.0.0.1:{port}", beam=beam)
    header, *rows = _rows(output)
    # Workers finish in any order.
    assert [header, *(sorted(rows) if by == "beam" else rows)] == [
        ["ImageId", "EncodedPixels"],
        ["none, here.png", ""],
        ["two.png", _rle(BOXES[1])],
        ["two.png", _rle(BOXES[0])],
    ]
    header, *broken = _rows(tmp_path / "out.csv.broken.csv")
    broken.sort()
    assert header == ["ImageId", "path", "reason"]
    assert [(row[0], row[2].partition(";")[0].partition("(")[0].strip()) for row in broken] == [
        ("text.png", "these 8 bytes begin no image"),
        ("torn.jpg", "cannot be decoded to its end"),
    ]
    assert "2 images by version" in told
    assert "2 without an answer" in told
    assert sorted(file.name for file in tmp_path.iterdir() if ".part" in file.name) == []


def test_the_same_command_goes_on_where_the_last_one_ended(images, models, tmp_path, monkeypatch):
    (images / "z.png").write_bytes(encoded(scene(64, 64)))
    output = tmp_path / "out.csv"
    # What an earlier command may have left: one image finished, half of the ships of another, half a line.
    part = tmp_path / "out.csv.3-1.part"
    with Journal(part) as journal:
        journal.begin(Source.of(images / "none, here.png"))
        journal.add(Picture("none, here.png", 64, 64))
        journal.add(Ship(Instance(0, 0, 1, 1, 1, "1 1"), 0.5))
        journal.end()
        journal.begin(Source.of(images / "two.png"))
        journal.add(Picture("two.png", 200, 300))
        journal.add(Ship(Instance(0, 0, 1, 1, 1, "1 1"), 0.5))
    part.write_bytes(part.read_bytes()[:-5])
    asked = []
    look = prediction_images.look
    monkeypatch.setattr(prediction_images, "look", lambda path, *_: asked.append(path.name) or look(path, *_))
    told = _predict([images], output, models=models)
    assert "1 of them from before" in told
    assert "none, here.png" not in asked
    assert [row[0] for row in _rows(output)[1:]] == ["none, here.png", "two.png", "two.png", "z.png"]
    assert _rows(output)[1][1] == "1 1"
    assert _rows(output)[2][1] == _rle(BOXES[1])


def test_only_what_was_asked_is_gone_on_from_and_written(images, client, tmp_path):
    server = f"127.0.0.1:{client.server.rest_port}"
    output = tmp_path / "out.csv"
    others = tmp_path / "others"
    others.mkdir()
    (others / "none, here.png").write_bytes(encoded(scene(64, 64)))
    # What an interrupted command about the images of this folder and of another one left.
    with Journal(tmp_path / "out.csv.7-1.part") as journal:
        for path in (images / "two.png", others / "none, here.png", images / "none, here.png"):
            journal.begin(Source.of(path))
            journal.add(Picture(path.name, 64, 64))
            journal.add(Ship(Instance(0, 0, 1, 1, 1, "9 9"), 0.5))
            journal.end()
    # Another picture of the same name since.
    (images / "two.png").write_bytes(encoded(scene(200, 300, BOXES[1])))
    told = _predict([images], output, server=server)
    assert "1 of them from before" in told
    assert sorted(_rows(output)[1:]) == [["none, here.png", "9 9"], ["two.png", _rle(BOXES[1])]]


def test_files_patterns_and_lists_name_each_image_once(images, client, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text(f"{images / 'two.png'}\n\n{images / 'gone.png'}\n")
    _predict(
        [images / "two.png", f"{images}/n*.png"],
        tmp_path / "out.csv",
        list_file=names,
        server=f"127.0.0.1:{client.server.rest_port}",
        min_pixels=301,
    )
    assert [row[0] for row in _rows(tmp_path / "out.csv")[1:]] == ["two.png", "none, here.png"]
    assert _rows(tmp_path / "out.csv.broken.csv")[1][2] == "cannot be read: No such file or directory"


def test_what_cannot_be_used_says_so(images, client, tmp_path):
    server = f"http://127.0.0.1:{client.server.rest_port}"
    (tmp_path / "two.png").write_bytes(b"")
    (tmp_path / "ships").mkdir()
    for named, options, told in (
        ([images], {}, "either --models"),
        ([], {"server": server}, "no images"),
        (["nothing*.jpg"], {"server": server}, "pattern"),
        ([images, tmp_path / "two.png"], {"server": server}, "same name"),
        ([images], {"server": "http://127.0.0.1:1"}, "cannot be asked"),
        ([images], {"server": f"127.0.0.1:{client.server.grpc_port}"}, "is this the REST port"),
        ([images], {"server": server, "name": "boats"}, "Servable not found"),
        ([images], {"models": tmp_path}, "no model to use"),
        ([images], {"models": tmp_path / "nothing"}, "no such folder"),
    ):
        with pytest.raises(InputError, match=told):
            _predict(named, tmp_path / "out.csv", **options)
        # Nothing is left behind.
        assert not list(tmp_path.glob("out*"))


def test_a_server_whose_answer_breaks_off_is_told(images, tmp_path):
    class BreaksOff(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(b'{"model_version_status": [{"version": "7", "state": "AVAILABLE"}]}')

        def do_POST(self):
            self._answer(b'{"predictions": [', missing=100)

        def log_message(self, *_):
            pass

        def _answer(self, body, missing=0):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(ShipsError, match=r"does not answer as expected: IncompleteRead.* is kept"):
            _predict([images], tmp_path / "out.csv", server=f"127.0.0.1:{server.server_port}")
        server.shutdown()


def test_an_output_that_cannot_be_is_told_before_anything_is_loaded(images, tmp_path):
    # Nobody listens there; to find out takes a detector.
    server = "http://127.0.0.1:1"
    for output, told in (
        (tmp_path / "images", "is a folder"),
        (Path(), "is a folder"),
        (tmp_path / "nothing" / "out.csv", "cannot be written: there is no folder"),
        (images / "two.png" / "out.csv", "cannot be written: there is no folder"),
    ):
        with pytest.raises(InputError, match=told):
            _predict([images], output, server=server)


def test_an_interrupted_command_says_what_is_kept_and_claims_nothing(images, client, tmp_path, monkeypatch):
    server = f"127.0.0.1:{client.server.rest_port}"

    def look(path, *_):
        if path.name == "two.png":
            raise KeyboardInterrupt
        return looked(path, *_)

    looked = prediction_images.look
    monkeypatch.setattr(prediction_images, "look", look)
    told = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        _predict([images], tmp_path / "out.csv", server=server, console=Console(file=told))
    assert "What has finished is kept" in told.getvalue()
    assert "✓" not in told.getvalue()
    monkeypatch.undo()
    assert "1 of them from before" in _predict([images], tmp_path / "out.csv", server=server)


def test_each_output_has_its_own_list_of_what_got_no_answer(images, client, tmp_path):
    server = f"127.0.0.1:{client.server.rest_port}"
    _predict([images], tmp_path / "out.csv", server=server)
    _predict([images / "two.png"], tmp_path / "out.geojson", server=server, form=Format.GEOJSON)
    assert len(_rows(tmp_path / "out.csv.broken.csv")) == 3
    assert not (tmp_path / "out.geojson.broken.csv").exists()
