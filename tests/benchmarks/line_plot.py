"""Lines over a common axis as a PNG, drawn by Pillow as the plots of experiments are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from components.pages.numbers import number, round_values

# Drawn at twice the size and halved, since Pillow's lines have hard edges.
_SCALE = 2
_FONT_PX, _TICKS = 13, 6
_LEFT_PX, _TOP_PX, _WIDTH_PX, _HEIGHT_PX = 50, 40, 640, 320
_RIGHT_PX, _FOOT_PX = 24, 56
_INK, _GRID = (30, 34, 40), (222, 226, 230)
_COLOURS = ((20, 90, 170), (215, 125, 25), (40, 140, 70), (160, 60, 150))

Points = Sequence[tuple[float, float]]


def write_line_plot(file: Path, x_label: str, lines: Mapping[str, Sequence[Points]]) -> None:
    """Draw lines of values 0-1; those of one label share a colour.

    Args:
        file: PNG to write.
        x_label: what runs to the right.
        lines: points (x >= 0, y 0-1) by label, at most four labels.
    """
    size = (_LEFT_PX + _WIDTH_PX + _RIGHT_PX, _TOP_PX + _HEIGHT_PX + _FOOT_PX)
    image = Image.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_FONT_PX * _SCALE)
    greatest = max((x for group in lines.values() for points in group for x, _ in points), default=1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT_PX + x / greatest * _WIDTH_PX
        return across * _SCALE, (_TOP_PX + (1 - y) * _HEIGHT_PX) * _SCALE

    def text(x: float, y: float, words: str, anchor: str) -> None:
        draw.text((x, y), words, _INK, font, anchor)

    for tick in round_values(0.0, 1.0, _TICKS):
        draw.line([*place(0, tick), *place(greatest, tick)], _GRID, _SCALE)
        text(place(0, tick)[0] - 8 * _SCALE, place(0, tick)[1], number(tick), "rm")
    for tick in round_values(0.0, greatest, _TICKS):
        draw.line([*place(tick, 0), *place(tick, 1)], _GRID, _SCALE)
        text(place(tick, 0)[0], place(tick, 0)[1] + 14 * _SCALE, number(tick), "mm")
    text(place(greatest / 2, 0)[0], place(0, 0)[1] + 38 * _SCALE, x_label, "mm")
    legend_x = _LEFT_PX * _SCALE
    for (label, group), colour in zip(lines.items(), _COLOURS, strict=False):
        for points in group:
            placed = [place(*point) for point in points]
            draw.line(placed, colour, 2 * _SCALE, "curve")
            for point in placed:
                draw.circle(point, 3 * _SCALE, colour)
        draw.circle((legend_x + 4 * _SCALE, _TOP_PX / 2 * _SCALE), 4 * _SCALE, colour)
        text(legend_x + 14 * _SCALE, _TOP_PX / 2 * _SCALE, label, "lm")
        legend_x += 40 * _SCALE + int(font.getlength(label))
    image.reduce(_SCALE).save(file)
