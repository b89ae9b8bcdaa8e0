"""The page to try the model, in a real browser that uploads real files."""

import csv
import io
import json
import time

import cv2
import numpy as np
import pytest
from brightness_networks import encoded, scene
from browser import find_browser, headless
from PIL import Image
from rich.console import Console

from components.masks import rle
from pipeline.prediction.command import predict
from pipeline.prediction.forms import Format

PHONE_PX, DESK_PX = 390, 1280
BOXES = (10, 20, 12, 25), (100, 200, 30, 40)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(tmp_path_factory, downloads):
    program = find_browser()
    if program is None:
        pytest.skip("NOT TESTED IN A BROWSER: there is no chromium or google-chrome on PATH")
    with headless(program, tmp_path_factory.mktemp("profile")) as opened:
        opened.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        yield opened


@pytest.fixture
def address(client):
    return f"http://127.0.0.1:{client.server.rest_port}/"


def _text(browser, element_id):
    return browser.value(f"document.getElementById('{element_id}').textContent")


def _wait_for_answer(browser):
    browser.wait_for("!document.getElementById('answer').hidden && !told.textContent.startsWith('Looking')")


@pytest.fixture
def two_ships(tmp_path):
    file = tmp_path / 'two, "ships".jpg'
    file.write_bytes(encoded(scene(200, 300, *BOXES), ".png"))
    return file


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width_px", [PHONE_PX, DESK_PX])
def test_an_uploaded_image_shows_its_ships(browser, address, two_ships, width_px, dark):
    browser.show(address, width_px, dark=dark)
    browser.wait_for("version.textContent === 'version 7 served'")
    browser.choose("file", two_ships)
    _wait_for_answer(browser)
    assert _text(browser, "told") == f"Found 2 ships in {two_ships.name}."
    assert (_text(browser, "count"), _text(browser, "pixels")) == ("2", "1,500")
    assert _text(browser, "answered") == "7"
    assert _text(browser, "probability") == "100.0 %"
    assert _text(browser, "total").endswith(" ms")
    rows = browser.value("[...ships.rows].map(row => [...row.cells].map(cell => cell.textContent))")
    assert rows == [["1", "1,200", "200", "100", "40", "30"], ["2", "300", "20", "10", "25", "12"]]
    # Coloured where ships are, clear elsewhere, and with an outline.
    alpha = "overlay.getContext('2d').getImageData({}, {}, 1, 1).data[3]"
    inside, other, edge, sea = (
        browser.value(alpha.format(x, y)) for x, y in ((205, 105), (25, 15), (200, 110), (100, 50))
    )
    assert 0 == sea < inside == other < edge
    assert browser.value("overlay.getBoundingClientRect().width === picture.getBoundingClientRect().width")
    assert browser.value("document.documentElement.scrollWidth") == width_px
    assert browser.complaints() == []
    assert all(asked.startswith((address, "data:", f"blob:{address}")) for asked in browser.requests())


def _downloaded(browser, button, downloads, pattern):
    browser.value(f"document.getElementById('{button}').click()")
    end = time.monotonic() + 20
    while not (found := list(downloads.glob(pattern))):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found[0]


def test_downloads_are_what_ships_predict_writes(browser, address, two_ships, downloads):
    browser.show(address, DESK_PX)
    browser.choose("file", two_ships)
    _wait_for_answer(browser)
    with _downloaded(browser, "save-rle", downloads, "*.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    drawn = [rle.encode(scene(200, 300, box).mean(-1) > 130) for box in reversed(BOXES)]
    assert rows == [["ImageId", "EncodedPixels"], *([two_ships.name, ship] for ship in drawn)]
    saved = json.loads(_downloaded(browser, "save-geojson", downloads, "*.geojson").read_text())
    predict(
        [str(two_ships)],
        list_file=None,
        models=None,
        server=address,
        name="ships",
        output=two_ships.with_name("out.geojson"),
        form=Format.GEOJSON,
        min_pixels=1,
        beam=None,
        console=Console(file=io.StringIO()),
        verbose=True,
    )
    assert saved == json.loads(two_ships.with_name("out.geojson").read_text())


def test_a_dropped_image_shows_its_ships(browser, address, two_ships):
    browser.show(address, DESK_PX)
    browser.drop(two_ships, 600, 400)
    _wait_for_answer(browser)
    assert _text(browser, "told") == f"Found 2 ships in {two_ships.name}."
    assert not browser.value("document.getElementById('drop').classList.contains('over')")


def test_sample_by_keyboard_alone(browser, address):
    browser.show(address, DESK_PX)
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.id") == "file"
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.id") == "sample"
    browser.press("Enter", 13)
    _wait_for_answer(browser)
    assert "sample-0.jpg" in _text(browser, "told")
    assert browser.value("picture.naturalWidth") == 768
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.id") == "show"
    browser.press(" ", 32)
    assert browser.value("overlay.hidden")
    for link in ("save-rle", "save-geojson"):
        browser.press("Tab", 9)
        assert browser.value("document.activeElement.id") == link
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.getAttribute('aria-label')") == "Show ship 1"
    assert not browser.value("box.hidden")
    assert browser.complaints() == []


def test_a_turned_photograph_is_shown_as_the_model_sees_it(browser, address, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    file = tmp_path / "turned.jpg"
    Image.fromarray(scene(100, 300, (10, 20, 30, 60))).save(file, exif=exif, quality=95)
    browser.show(address, DESK_PX)
    browser.choose("file", file)
    _wait_for_answer(browser)
    shown = browser.value("[picture.getBoundingClientRect().width, picture.getBoundingClientRect().height]")
    assert shown == [300, 100]
    assert browser.value("overlay.width") == 300


def test_what_is_no_image_is_told_and_the_next_one_works(browser, address, two_ships, tmp_path):
    browser.show(address, DESK_PX)
    for name, content, told in (
        ("text.jpg", b"no image <b>at</b> all", "image 0: these 22 bytes begin no image"),
        (
            "torn.jpg",
            cv2.imencode(".jpg", np.zeros((90, 90, 3), np.uint8))[1].tobytes()[:-40],
            "cannot be decoded",
        ),
        ("large.jpg", bytes(3 << 20), "larger than this server takes"),
    ):
        (tmp_path / name).write_bytes(content)
        browser.choose("file", tmp_path / name)
        browser.wait_for("told.classList.contains('bad')")
        assert told in _text(browser, "told")
        assert browser.value("document.getElementById('answer').hidden")
        browser.choose("file", two_ships)
        _wait_for_answer(browser)
        assert _text(browser, "count") == "2"


def test_the_policy_forbids_scripts_from_elsewhere(browser, address):
    browser.show(address, DESK_PX)
    browser.value(
        "const more = document.createElement('script'); more.textContent = 'window.ran = 1';"
        "document.body.append(more)"
    )
    assert browser.value("window.ran") is None
