"""The page in a real browser: what a person with Chromium sees."""

import pytest
from browser import find_browser, headless
from stages import HOSTILE_NAME

from components.data_gate.artifact import PAGE_FILE

# Stages as a whole.
pytestmark = pytest.mark.slow

PHONE_PX, DESK_PX = 390, 1280
# Names of the pictures of the gallery that can be seen.
SHOWN = (
    "[...document.querySelectorAll('.group figure')].filter(card => card.offsetParent)"
    ".map(card => card.querySelector('.file').textContent)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("NOT TESTED IN A BROWSER: there is no chromium or google-chrome on PATH")
    with headless(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width_px", [PHONE_PX, DESK_PX])
def test_page_loads_quietly_and_fits(browser, page, width_px, dark):
    browser.show(page, width_px, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") == width_px
    # Also with everything unfolded.
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") == width_px
    assert browser.value("[...document.images].every(image => image.alt)")
    assert browser.complaints() == []
    outside = [address for address in browser.requests() if not address.startswith("data:")]
    assert outside == [page.as_uri()]
    assert page.name == PAGE_FILE


def test_nothing_that_came_with_the_data_runs(browser, page):
    browser.show(page, DESK_PX)
    assert browser.value("document.title").startswith("Data set report")
    assert browser.value("document.querySelectorAll('script').length") == 1
    assert HOSTILE_NAME in browser.value("document.body.textContent")


def test_filter_finds_by_word_and_by_reason(browser, page):
    browser.show(page, DESK_PX)
    told = "document.getElementById('quarantine-shown').textContent"
    assert browser.value(told) == "5 of 5 pictures"

    _enter(browser, "words", "LABEL row")
    assert browser.value(SHOWN) == ["unlabelled.jpg"]
    assert browser.value(told) == "1 of 5 pictures"

    _enter(browser, "words", "")
    _enter(browser, "reason", "decode_ok")
    assert browser.value(SHOWN) == [HOSTILE_NAME]

    _enter(browser, "words", "nothing like it")
    assert browser.value(SHOWN) == []
    assert browser.value("[...document.querySelectorAll('.group')].every(group => group.hidden)")


def _enter(browser, field, text):
    element = f"document.getElementById('quarantine-filter').elements.{field}"
    told = "dispatchEvent(new Event('input', {bubbles: true}))"
    browser.value(f"{element}.value = {text!r}; {element}.{told}")


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(browser, page, dark):
    """WCAG 2.1 AA: 4.5 to 1 for text of this size."""
    browser.show(page, DESK_PX, dark=dark)
    names = ("ink", "quiet", "good", "doubt", "bad", "link")
    pairs = [(name, ground) for name in names for ground in ("page", "sheet")]
    pairs += [("ink", f"{state}-tint") for state in ("good", "doubt", "bad")]
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    worst = min(
        (_contrast(browser.value(colour.format(text)), browser.value(colour.format(ground))), text, ground)
        for text, ground in pairs
    )
    assert worst[0] >= 4.5, worst


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours "#rrggbb", as WCAG 2.1 defines it."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
