import contextlib
import io

from rich.console import Console

from components.progress import Meter
from pipeline.console import ProgressDisplay
from pipeline.stages import StageEvent, tell


def _show(stages, act, terminal=False):
    text = io.StringIO()
    with ProgressDisplay(Console(file=text, force_terminal=terminal, width=60), stages) as display:
        act()
    return display, text.getvalue()


def test_each_stage_gets_a_line_that_says_how_it_ended():
    def act():
        tell(StageEvent("ShipExampleGen", "running"))
        with Meter("ShipExampleGen", 3, "images") as meter:
            meter.advance(3)
        tell(StageEvent("ShipExampleGen", "done", 1.25))
        tell(StageEvent("Transform", "running"))
        tell(StageEvent("Transform", "cached", 0.1))

    _, text = _show(2, act)
    lines = text.splitlines()
    assert lines[0].split() == ["✓", "1/2", "ShipExampleGen", "1.2", "s", "3/3", "images"]
    assert lines[1].split() == ["=", "2/2", "Transform", "from", "cache"]


def test_a_failure_is_kept_with_its_cause():
    cause = ValueError("no")

    def act():
        tell(StageEvent("Segmenter", "running"))
        tell(StageEvent("Segmenter", "failed", 2.0, cause))

    display, text = _show(1, act)
    assert display.failure.error is cause
    assert "✗" in text


def test_work_outside_of_stages_shows_its_own_line():
    def act():
        with Meter("Overlays", 2, "images") as meter:
            meter.advance(2, dice=0.5)

    _, text = _show(0, act)
    assert "Overlays" in text
    assert "dice 0.5" in text


def test_work_that_failed_is_not_said_to_be_done():
    def act():
        with contextlib.suppress(KeyboardInterrupt), Meter("Predict", 15, "images") as meter:
            meter.advance(5)
            raise KeyboardInterrupt

    _, text = _show(0, act)
    assert text == ""


def test_nothing_is_told_once_the_display_is_left():
    text = io.StringIO()
    with ProgressDisplay(Console(file=text), 0):
        pass
    with Meter("Overlays", 2, "images") as meter:
        meter.advance()
    assert not text.getvalue()


def test_a_terminal_shows_a_bar_with_the_figures():
    def act():
        tell(StageEvent("Segmenter", "running"))
        with Meter("Segmenter", 10, "steps") as meter:
            meter.advance(4, loss=0.25)

    _, text = _show(1, act, terminal=True)
    assert "Segmenter" in text
