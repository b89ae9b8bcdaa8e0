"""Run-length codec beside two peers: `python -m benchmarks.rle`.

A row is decoded from the text of the label table to a mask, and encoded back to the text. The peers are what
people use: pycocotools (its C code; the text is split and joined in Python, as there is no other way) and the
loop over slices that most public Airbus notebooks have.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pycocotools import mask as coco

from benchmarks.report import Row, save, show
from components.masks import rle

_EDGE_PX = 768
_MOST_ROWS = 2000
_ROUNDS = 3

Mask = npt.NDArray[np.uint8]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Times the run-length codec beside pycocotools and numpy.")
    parser.add_argument("--rows", type=Path, help="table with a column EncodedPixels; without it generated")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    rows = _read_rows(arguments.rows) if arguments.rows else _generated_rows()
    figures = measure(rows)
    source = str(arguments.rows) if arguments.rows else "generated ellipses"
    show(f"Run-length codec, {len(rows)} ships ({source}) of {_EDGE_PX} x {_EDGE_PX} px, one core", figures)
    save(arguments.output, {"rows": len(rows), "source": source, "codecs": figures})


def measure(rows: list[str]) -> list[Row]:
    """Milliseconds a row of each codec, best of three rounds, and their ratios to the first, which is ours.

    Raises:
        AssertionError: two codecs do not agree on a mask or a text.
    """
    masks = [rle.decode(row, _EDGE_PX, _EDGE_PX) for row in rows[:100]]
    codecs: dict[str, tuple[Callable[[str], Mask], Callable[[Mask], str]]] = {
        "components.masks.rle": (lambda row: rle.decode(row, _EDGE_PX, _EDGE_PX), rle.encode),
        "pycocotools": (_coco_decode, _coco_encode),
        "numpy loop": (_loop_decode, _loop_encode),
    }
    figures: list[Row] = []
    for name, (decode, encode) in codecs.items():
        for row, mask in zip(rows, masks, strict=False):
            assert np.array_equal(decode(row), mask), f"{name} decodes {row!r} differently"
            assert encode(mask) == row, f"{name} encodes {row!r} differently"
        decode_ms, encode_ms = _best_ms(decode, rows), _best_ms(encode, masks)
        first = figures[0] if figures else {"decode ms": decode_ms, "encode ms": encode_ms}
        figures.append(
            {
                "codec": name,
                "decode ms": decode_ms,
                "times ours": decode_ms / float(first["decode ms"]),
                "encode ms": encode_ms,
                "times ours ": encode_ms / float(first["encode ms"]),
            }
        )
    return figures


def _best_ms(work: Callable[[Any], object], items: list[Any]) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for item in items:
            work(item)
        seconds.append(time.perf_counter() - started)
    return min(seconds) / len(items) * 1000


def _coco_decode(row: str) -> Mask:
    values = list(map(int, row.split()))
    counts, position = [], 1
    for start, length in zip(values[::2], values[1::2], strict=True):
        counts += [start - position, length]
        position = start + length
    counts.append(_EDGE_PX * _EDGE_PX + 1 - position)
    size = [_EDGE_PX, _EDGE_PX]
    mask: Mask = coco.decode(coco.frPyObjects({"size": size, "counts": counts}, *size))
    return mask


def _coco_encode(mask: Mask) -> str:
    encoded = coco.encode(np.asfortranarray(mask))
    counts = _coco_counts(encoded["counts"])
    values, position = [], 1
    for zeros, ones in zip(counts[::2], counts[1::2], strict=False):
        values += [position + zeros, ones]
        position += zeros + ones
    return " ".join(map(str, values))


def _coco_counts(text: bytes) -> list[int]:
    """Run lengths of COCO's compressed text (`rleFrString` of its maskApi.c, which Python cannot reach)."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            byte = text[at] - 48
            value |= (byte & 0x1F) << shift
            more = bool(byte & 0x20)
            at, shift = at + 1, shift + 5
            if not more and byte & 0x10:
                value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def _loop_decode(row: str) -> Mask:
    values = np.asarray(row.split(), dtype=int)
    mask = np.zeros(_EDGE_PX * _EDGE_PX, np.uint8)
    for start, length in zip(values[::2] - 1, values[1::2], strict=True):
        mask[start : start + length] = 1
    return mask.reshape(_EDGE_PX, _EDGE_PX).T


def _loop_encode(mask: Mask) -> str:
    pixels = np.concatenate([[0], mask.T.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(value) for value in runs)


def _read_rows(table: Path) -> list[str]:
    rows = pd.read_csv(table, keep_default_na=False)["EncodedPixels"]
    ships = rows[rows != ""]
    return list(ships.sample(min(_MOST_ROWS, len(ships)), random_state=0))


def _generated_rows() -> list[str]:
    """Rotated ellipses of the sizes of the Airbus ships: median 615 px, a twentieth above 10,000 px."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:_EDGE_PX, :_EDGE_PX]
    rows = []
    for area_px in random.lognormal(np.log(615), 1.7, 300).clip(20, 25_000):
        short_px = np.sqrt(area_px / np.pi / 4)
        angle_rad = random.uniform(0, np.pi)
        centre_y, centre_x = random.uniform(100, _EDGE_PX - 100, 2)
        along = (x - centre_x) * np.cos(angle_rad) + (y - centre_y) * np.sin(angle_rad)
        across = (y - centre_y) * np.cos(angle_rad) - (x - centre_x) * np.sin(angle_rad)
        ship = (along / 4) ** 2 + across**2 <= short_px**2
        if ship.any():
            rows.append(rle.encode(ship))
    return rows


if __name__ == "__main__":
    main()
