"""The review page in a real browser: what a person with Chromium sees."""

from functools import cache

import pytest
from browser import find_browser, headless
from reviews import HOSTILE_NAME, bare_review, crowded_review, whole_review

from components.review_report.page import Origin, render

PHONE_PX, DESK_PX = 390, 1280
ORIGIN = Origin(
    "20261123-100000", "/data/my runs", (("model", "7", "artifacts/m"),), (("data digest", "ab"),)
)
COLUMN = (
    "[...document.querySelectorAll('#metrics-table tbody tr')].filter(row => row.offsetParent)"
    ".map(row => row.cells[{}].textContent)"
)
PICTURES = "[...document.querySelectorAll('#pictures [data-kind={}] .file')].map(one => one.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("NOT TESTED IN A BROWSER: there is no chromium or google-chrome on PATH")
    with headless(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    reviews = {"whole": whole_review, "bare": bare_review, "crowded": crowded_review}

    @cache
    def made(name):
        file = folder / f"{name}.html"
        file.write_text(render(reviews[name](), ORIGIN), encoding="utf-8")
        return file

    return made


@pytest.fixture
def page(pages):
    return pages("whole")


@pytest.mark.parametrize("width_px", [PHONE_PX, DESK_PX])
@pytest.mark.parametrize("name", ["whole", "bare", pytest.param("crowded", marks=pytest.mark.slow)])
def test_page_loads_quietly_and_fits(browser, pages, name, width_px):
    page = pages(name)
    assert page.stat().st_size < 5_000_000
    browser.show(page, width_px, dark=width_px == PHONE_PX)
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") == width_px
    assert browser.value("[...document.images].every(image => image.alt && image.naturalWidth > 0)")
    assert browser.complaints() == []
    outside = [address for address in browser.requests() if not address.startswith("data:")]
    assert outside == [page.as_uri()]


def test_nothing_that_came_with_the_data_runs(browser, page):
    browser.show(page, DESK_PX)
    assert browser.value("document.title") == "Review of run 20261123-100000: failed"
    assert browser.value("document.querySelectorAll('script').length") == 1
    assert HOSTILE_NAME in browser.value("document.body.textContent")


def test_rules_and_what_to_do_stand_on_top(browser, page):
    browser.show(page, DESK_PX)
    outcomes = "[...document.querySelectorAll('#rules-title ~ .rules .outcome')].map(one => one.textContent)"
    assert browser.value(outcomes) == ["✓ kept", "✕ broken", "? not judged"]
    told = browser.value("document.querySelector('[aria-labelledby=rules-title]').textContent")
    assert "95 % interval \N{MINUS SIGN}0.010 to +0.110); chance alone may be the cause" in told
    assert "Cannot be judged: no test image. A person has to decide." in told
    commands = browser.value("[...document.querySelectorAll('.command code')].map(one => one.textContent)")
    assert commands == [
        "ships approve 20261123-100000 --root '/data/my runs' --override --note \"why\"",
        "ships reject 20261123-100000 --root '/data/my runs' --note \"why\"",
    ]


def test_table_sorts_by_keyboard_and_filters(browser, page):
    browser.show(page, DESK_PX)
    assert browser.value("document.getElementById('metrics-shown').textContent") == "6 of 19 rows"
    browser.value("document.querySelectorAll('#metrics-table .sort')[4].focus()")
    browser.press("Enter", 13)
    assert browser.value(COLUMN.format(4)) == ["1.000", "1.000", "0.600", "0.550", "0.500", "0.450"]
    assert browser.value("document.querySelector('[aria-sort]').ariaSort") == "descending"
    browser.press("Enter", 13)
    assert browser.value(COLUMN.format(4))[:2] == ["0.450", "0.500"]
    # What has no interval comes last, in either order.
    browser.value("document.querySelectorAll('#metrics-table .sort')[8].click()")
    assert browser.value(COLUMN.format(8))[2:] == [""] * 4
    _enter(browser, "metrics-filter", "words", "SOURCE se")
    assert browser.value(COLUMN.format(0)) == ["Source sea"]
    _enter(browser, "metrics-filter", "metric", "")
    _enter(browser, "metrics-filter", "head", "")
    assert set(browser.value(COLUMN.format(1))) == {"cascade", "segmenter", "classifier"}


def test_gallery_shows_the_images_of_a_slice_with_what_is_drawn_over_them(browser, page):
    browser.show(page, DESK_PX)
    assert browser.value(PICTURES.format("worst")) == ["d.jpg", "c.jpg"]
    assert browser.value(PICTURES.format("best")) == ["empty.jpg", "a.jpg"]
    seen = "getComputedStyle(document.querySelector('#pictures .card .{}')).display"
    assert [browser.value(seen.format(kind)) for kind in ("missed", "truth")] == ["inline", "none"]
    browser.value("document.querySelector('#pictures input[value=truth]').click()")
    assert [browser.value(seen.format(kind)) for kind in ("missed", "truth")] == ["none", "inline"]
    _enter(browser, "gallery-choice", "slice", "5")
    assert browser.value(PICTURES.format("worst")) == ["empty.jpg"]
    assert browser.value("document.querySelector('[data-heading=best]').hidden")
    browser.value("document.querySelector('#pictures .picture').focus()")
    browser.press("Enter", 13)
    assert browser.value("document.querySelector('dialog').open")
    assert browser.value("document.querySelector('dialog .file').textContent") == "empty.jpg"
    browser.press("Escape", 27)
    assert not browser.value("document.querySelector('dialog').open")


@pytest.mark.slow
def test_a_large_test_set_says_what_was_looked_at(browser, pages):
    browser.show(pages("crowded"), DESK_PX)
    text = browser.value("document.body.innerText")
    assert "From 60 of 200,000 test images, drawn evenly from the slices" in text
    assert "And 1,052 more, in the table." in text
    assert "1,607 further rows, of the last slices, are left out" in text
    assert "No room in the page for all pictures of:" in text


def test_a_first_model_with_one_slice_says_what_there_is_not(browser, pages):
    browser.show(pages("bare"), DESK_PX)
    text = browser.value("document.body.innerText")
    for told in (
        "No rule was asked",
        "nothing pushed yet",
        "no report about its data",
        "no pushed model yet",
    ):
        assert told in text
    assert not browser.value("document.getElementById('differences')")


def _enter(browser, form, field, text):
    element = f"document.getElementById('{form}').elements.{field}"
    told = "dispatchEvent(new Event('input', {bubbles: true}))"
    browser.value(f"{element}.value = {text!r}; {element}.{told}")
