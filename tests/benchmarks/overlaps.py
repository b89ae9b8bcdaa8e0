"""How many copies and overlapping tiles are found, and what the search costs on a large collection.

    python -m benchmarks.overlaps                      # generated scenes
    python -m benchmarks.overlaps --scenes big-images  # a folder of PNG files of 768 px and more
    python -m benchmarks.overlaps --tiles 192546       # time and memory of the search alone

Tiles of 768 px are cut from each scene at a stride of 256 px and compressed in several ways.
"""

import argparse
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from components.ship_example_gen.fingerprints import BLOCK, Fingerprint, Fingerprints, fingerprint
from components.ship_example_gen.overlaps import Kind, find_groups
from pipeline.demo.scenes import render_scene

_TILE_PX, _STRIDE_PX = 768, 256
_SCENES = (
    ("harbour", "lone", "clear"), ("coast", "lone", "clear"), ("open_sea", "lone", "clear"),
    ("open_sea", "empty", "clear"), ("open_sea", "lone", "clouds"), ("open_sea", "lone", "haze"),
)  # fmt: skip
Pixels = NDArray[np.uint8]
Tile = tuple[int, int, int]
"""Number of the scene, first row and first column, in px."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures the search for copies and overlapping tiles.")
    parser.add_argument("--scenes", type=Path, help="folder of PNG files; without it generated scenes")
    parser.add_argument("--tiles", type=int, help="only time the search among so many made-up fingerprints")
    arguments = parser.parse_args()
    if arguments.tiles:
        _time_search(arguments.tiles)
        return
    if arguments.scenes:
        scenes = [
            np.asarray(Image.open(file).convert("RGB")) for file in sorted(arguments.scenes.glob("*.png"))
        ]
    else:
        scenes = [
            render_scene(
                np.random.default_rng(number), (1280, 1280),
                source=source, fleet=fleet, weather=weather, longest_px=400,
            ).pixels
            for number, (source, fleet, weather) in enumerate(_SCENES)
        ]  # fmt: skip
    _show_overlaps(scenes)
    _show_copies(scenes)


def _show_overlaps(scenes: Sequence[Pixels]) -> None:
    shared = (1, 2, 3, 4, 6)
    table = Table(title="Pairs of tiles found, by blocks of 256 px that they share", title_justify="left")
    for column in ("compressed", *map(str, shared), "scenes", "groups", "across scenes"):
        table.add_column(column)
    for name, qualities in (
        ("all at 95", (95,)),
        ("95 and 80 by turns", (95, 80)),
        ("95 to 60", (95, 85, 75, 60)),
    ):
        tiles, files = _cut(scenes, partial(_in_turns, qualities))
        groups, links = _found(files)
        there, found, wrong = Counter[int](), Counter[int](), 0
        for pair in combinations(range(len(tiles)), 2):
            blocks = _shared_blocks(tiles[pair[0]], tiles[pair[1]])
            there[blocks] += 1
            found[blocks] += pair in links
            wrong += pair in links and not blocks
        table.add_row(
            name, *(f"{found[blocks]} of {there[blocks]}" for blocks in shared),
            str(len(scenes)), str(len(set(groups))), str(wrong),
        )  # fmt: skip
    Console().print(table)


def _show_copies(scenes: Sequence[Pixels]) -> None:
    table = Table(title="Copies of tiles found", title_justify="left")
    for column in ("copy", "known as copy", "at least grouped"):
        table.add_column(column)
    for name, copy in (
        ("PNG", _png),
        ("JPEG 90", lambda pixels: _jpeg(pixels, 90)),
        ("JPEG 75", lambda pixels: _jpeg(pixels, 75)),
        ("JPEG 30", lambda pixels: _jpeg(pixels, 30)),
    ):

        def pair(pixels: Pixels, _: int, copy: Callable[[Pixels], bytes] = copy) -> list[bytes]:
            tile = _jpeg(pixels, 95)
            return [tile, copy(np.asarray(Image.open(BytesIO(tile))))]

        tiles, files = _cut(scenes, pair)
        _, links = _found(files)
        kinds = [links.get((index, index + 1)) for index in range(0, len(tiles), 2)]
        copies = kinds.count(Kind.NEAR_DUPLICATE)
        table.add_row(name, f"{copies} of {len(kinds)}", f"{len(kinds) - kinds.count(None)} of {len(kinds)}")
    Console().print(table)


def _in_turns(qualities: Sequence[int], pixels: Pixels, nth: int) -> list[bytes]:
    return [_jpeg(pixels, qualities[nth % len(qualities)])]


def _cut(
    scenes: Sequence[Pixels], write: Callable[[Pixels, int], list[bytes]]
) -> tuple[list[Tile], list[bytes]]:
    tiles: list[Tile] = []
    files: list[bytes] = []
    for scene, pixels in enumerate(scenes):
        for top in range(0, pixels.shape[0] - _TILE_PX + 1, _STRIDE_PX):
            for left in range(0, pixels.shape[1] - _TILE_PX + 1, _STRIDE_PX):
                written = write(pixels[top : top + _TILE_PX, left : left + _TILE_PX], len(tiles))
                files += written
                tiles += [(scene, top, left)] * len(written)
    return tiles, files


def _found(files: Sequence[bytes]) -> tuple[list[int], dict[tuple[int, int], int]]:
    """Group of each file, and kind of link by pair."""
    records = (fingerprint(file).to_bytes(index) for index, file in enumerate(files))
    groups = find_groups(Fingerprints.of_records(records, len(files)))
    return groups.group.tolist(), {link[:2]: link[2] for link in groups.links.tolist()}


def _shared_blocks(one: Tile, other: Tile) -> int:
    if one[0] != other[0]:
        return 0
    rows, columns = (3 - abs(one[axis] - other[axis]) // _STRIDE_PX for axis in (1, 2))
    return max(0, rows) * max(0, columns)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def _png(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _time_search(count: int) -> None:
    """Scenes of 5 x 5 blocks in nine tiles each, of which every other one is compressed differently."""
    began = time.monotonic()
    fingerprints = Fingerprints.of_records(_made_up(count), count)
    made, made_mb = time.monotonic(), _peak_mb()
    found = find_groups(fingerprints)
    print(
        f"{count} fingerprints: read in {made - began:.0f} s, peak {made_mb:.0f} MB; "
        f"searched in {time.monotonic() - made:.0f} s, peak {_peak_mb():.0f} MB\n{found}"
    )


def _made_up(count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for index in range(count):
        row, column = divmod(index % 9, 3)
        if not (row or column):
            ground = np.zeros((5, 5), BLOCK)
            patterned = rng.random((5, 5)) < 0.5
            ground["exact"] = rng.integers(1, 1 << 62, (5, 5))
            ground["perceptual"] = np.where(patterned, rng.integers(1, 1 << 62, (5, 5)), 0)
            ground["mean"], ground["scale"] = rng.uniform(10, 80, (5, 5)), rng.uniform(3, 60, (5, 5))
            ground["spread"] = rng.uniform(2, 25, (5, 5))
            ground["deviation"] = rng.integers(-127, 128, (5, 5, 64))
        blocks = ground[row : row + 3, column : column + 3].copy()
        if index % 2:
            blocks["exact"] = rng.integers(1, 1 << 62, (3, 3))
        yield Fingerprint(rng.bytes(20), _TILE_PX, _TILE_PX, 3, 3, blocks.ravel()).to_bytes(index)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
