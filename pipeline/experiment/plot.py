"""Dice with intervals by variant, as a picture. Imports no TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from unicodedata import combining, normalize

from PIL import Image, ImageDraw, ImageFont

from components.evaluation.slices import Figure
from pipeline.experiment.outcome import DICE_ALL, DICE_SHIPS
from pipeline.experiment.plan import Plan
from pipeline.experiment.table import Row

# Drawn at twice the size and halved, since Pillow's lines have hard edges.
_SCALE = 2
_FONT_PX, _MARGIN_PX, _TRIAL_PX, _GAP_PX = 13, 14, 13, 12
_AXIS_PX, _COST_PX, _HEAD_PX, _FOOT_PX = 420, 150, 34, 30
_INK, _GRID, _PALE = (30, 34, 40), (222, 226, 230), (120, 126, 134)
_COLOURS = {DICE_SHIPS: (20, 90, 170), DICE_ALL: (215, 125, 25)}


def write_plot(plan: Plan, rows: Sequence[Row], file: Path) -> None:
    """Draw a PNG: a band for each variant, in it a dot and whisker for each trial, beside it what it cost.

    Args:
        plan: gives the variants and their order.
        rows: trials; those that are not done leave their place empty.
        file: where the picture is written.
    """
    font = ImageFont.load_default(_FONT_PX * _SCALE)
    label_px = max(int(font.getlength(name)) // _SCALE for name in plan.variants)
    most = len(rows) // len(plan.variants)
    band_px = most * _TRIAL_PX * len(_COLOURS) + _GAP_PX
    left = label_px + 2 * _MARGIN_PX
    width = left + _AXIS_PX + _COST_PX + 2 * _MARGIN_PX
    bottom = _HEAD_PX + band_px * len(plan.variants)
    image = Image.new("RGB", (width * _SCALE, (bottom + _FOOT_PX) * _SCALE), "white")
    canvas = _Canvas(ImageDraw.Draw(image), font, left, bottom)
    canvas.frame()
    for number, variant in enumerate(plan.variants):
        top = _HEAD_PX + number * band_px
        own = [row for row in rows if row.trial.variant == variant]
        canvas.rule(top)
        canvas.text(_MARGIN_PX, top + band_px / 2, variant)
        for place, (name, colour) in enumerate(_COLOURS.items()):
            for index, row in enumerate(own):
                y = top + _GAP_PX / 2 + (place * most + index + 0.5) * _TRIAL_PX
                if figure := row.figure(name):
                    canvas.whisker(figure, y, colour)
        canvas.text(left + _AXIS_PX + _MARGIN_PX, top + band_px / 2, _cost(own), _PALE)
    image.reduce(_SCALE).save(file)


class _Canvas:
    """Draws in px of the finished picture; dice 0-1 lies between `left` and `left` + _AXIS_PX."""

    def __init__(
        self,
        draw: ImageDraw.ImageDraw,
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
        left: float,
        bottom: float,
    ) -> None:
        self._draw, self._font, self._left, self._bottom = draw, font, left, bottom

    def frame(self) -> None:
        """Grid, ticks and legend."""
        for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            x = self._x(tick)
            self._line(x, _HEAD_PX, x, self._bottom, _GRID)
            self.text(x, self._bottom + _FOOT_PX / 2, f"{tick:.1f}", _PALE, "mm")
        x = self._left
        for name, colour in _COLOURS.items():
            self._dot(x + 4, _HEAD_PX / 2, colour)
            self.text(x + 14, _HEAD_PX / 2, name)
            x += 110

    def rule(self, y: float) -> None:
        """Line between two variants."""
        self._line(_MARGIN_PX, y, self._left + _AXIS_PX + _COST_PX, y, _GRID)

    def text(
        self, x: float, y: float, text: str, colour: tuple[int, int, int] = _INK, anchor: str = "lm"
    ) -> None:
        """Text whose anchor (Pillow's letters) lies at x, y."""
        # Pillow's own font has no accented letters: "Lovász" would show a box.
        plain = "".join(sign for sign in normalize("NFKD", text) if not combining(sign))
        self._draw.text((x * _SCALE, y * _SCALE), plain, colour, self._font, anchor)

    def whisker(self, figure: Figure, y: float, colour: tuple[int, int, int]) -> None:
        """A dot, and its interval if there is one."""
        if figure.lower is not None and figure.upper is not None:
            self._line(self._x(figure.lower), y, self._x(figure.upper), y, colour)
        self._dot(self._x(figure.value), y, colour)

    def _x(self, dice: float) -> float:
        return self._left + min(max(dice, 0.0), 1.0) * _AXIS_PX

    def _dot(self, x: float, y: float, colour: tuple[int, int, int]) -> None:
        self._draw.circle((x * _SCALE, y * _SCALE), 3.5 * _SCALE, colour)

    def _line(self, x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        ends = (x0 * _SCALE, y0 * _SCALE, x1 * _SCALE, y1 * _SCALE)
        self._draw.line(ends, colour, _SCALE + 1)


def _cost(rows: Sequence[Row]) -> str:
    done = [row.outcome for row in rows if row.outcome and row.state == "done"]
    if not done:
        return rows[0].state
    return f"{fmean(outcome.training_s for outcome in done):.0f} s, {done[0].parameters / 1e6:.2f} M"
