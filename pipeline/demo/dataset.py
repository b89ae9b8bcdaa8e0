"""Writes demo data in the layout of the Airbus Ship Detection data set.

    images/<9 hex digits>.jpg   RGB tiles, JPEG quality 95, 4:2:0
    labels.csv                  ImageId,EncodedPixels: a row per ship, an empty value for a tile without ships
    scenes.csv                  ImageId,SceneId,Source: tiles of one scene overlap, as the originals do
    faults.csv                  ImageId,Fault: what is wrong with the few images and labels that are broken

The same arguments give the same bytes.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from components.errors import SettingsError
from components.masks.rle import encode
from components.progress import Meter
from pipeline.demo.faults import FAULTS, FaultyTile, break_tiles
from pipeline.demo.scenes import Scene, render_scene

# (source, fleet on open water, weather) of the scenes, in turn. Airbus tiles are mostly open sea.
_PLAN: tuple[tuple[str, str, str], ...] = (
    ("open_sea", "lone", "clear"),
    ("harbour", "lone", "clear"),
    ("open_sea", "traffic", "clear"),
    ("coast", "lone", "clear"),
    ("open_sea", "anchorage", "clear"),
    ("open_sea", "lone", "clouds"),
    ("coast", "traffic", "clear"),
    ("open_sea", "group", "clear"),
    ("harbour", "traffic", "clear"),
    ("open_sea", "lone", "haze"),
    ("open_sea", "crowd", "clear"),
    ("coast", "group", "clouds"),
    ("open_sea", "lone", "clear"),
    ("open_sea", "empty", "clear"),
)
# Likewise for the scenes whose tiles get broken: places for all faults, and ships for those that need them.
_FAULT_PLAN = (("open_sea", "anchorage"), ("coast", "traffic"), ("open_sea", "anchorage"))
# A scene has 4 x 2 places of tiles that lie a third of a tile apart (256 px, as in the Airbus data).
_COLUMNS, _ROWS = 4, 2
# No hull is longer than this share of a tile, so that most ships fit into one.
_LONGEST_SHIP = 0.55
# Slivers of ships that a tile cuts off at its border are not labelled: nobody could tell what they are.
_SMALLEST_LABEL_PX = 8
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Tile:
    """A tile cut from a scene.

    Attributes:
        image_id: file name.
        scene_id: tiles with the same value show overlapping water.
        source: "open_sea", "coast" or "harbour".
        pixels: uint8 RGB [size, size, 3].
        instances: int16 [size, size]; equal values > 0 are one ship's hull.
        ships: the values of `instances` that are labelled.
    """

    image_id: str
    scene_id: str
    source: str
    pixels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]
    ships: tuple[int, ...]

    @property
    def jpeg(self) -> bytes:
        """The picture as a file."""
        return encode_jpeg(Image.fromarray(self.pixels))

    @property
    def encoded_pixels(self) -> list[str]:
        """Run-length string per ship; one empty string without ships."""
        return [encode(self.instances == ship) for ship in self.ships] or [""]


@dataclass(frozen=True)
class DemoData:
    """What `generate` wrote.

    Attributes:
        images, labels, scenes: the folder and the two tables, as the pipeline's settings take them.
        ship_counts: ships per good image, by ImageId.
        faults: fault (a key of `FAULTS`) per broken image or label, by ImageId.
    """

    images: Path
    labels: Path
    scenes: Path
    ship_counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def generate(
    directory: Path,
    *,
    scenes: int = 28,
    seed: int = 0,
    size_px: int = 768,
    faults: bool = True,
    tiles_per_scene: int = 5,
) -> DemoData:
    """Render scenes, cut tiles from them and write images and tables into `directory`.

    Args:
        directory: made if it does not exist; files of the same names are replaced.
        scenes: how many good scenes (>= 1).
        seed: another number gives other pictures.
        size_px: edge of a tile (>= 96, divisible by 3). Ships shrink only if they would not fit.
        faults: whether to add one broken image or label for each of `FAULTS`, from scenes of their own.
        tiles_per_scene: good tiles cut from each scene (1-8).
    """
    _check(scenes, size_px, tiles_per_scene)
    written = DemoData(directory / "images", directory / "labels.csv", directory / "scenes.csv")
    written.images.mkdir(parents=True, exist_ok=True)
    labels: list[tuple[str, str]] = []
    origins: list[tuple[str, str, str]] = []
    total = scenes * tiles_per_scene + (len(FAULTS) if faults else 0)
    with Meter("Generate", total, "images") as meter:
        for tile in _good_tiles(scenes, seed, size_px, tiles_per_scene):
            (written.images / tile.image_id).write_bytes(tile.jpeg)
            labels += [(tile.image_id, encoded) for encoded in tile.encoded_pixels]
            origins.append((tile.image_id, tile.scene_id, tile.source))
            written.ship_counts[tile.image_id] = len(tile.ships)
            meter.advance()
        for broken in _faulty_tiles(seed, size_px) if faults else ():
            if broken.file is not None:
                (written.images / broken.image_id).write_bytes(broken.file)
            labels += [(broken.image_id, encoded) for encoded in broken.encoded_pixels]
            origins.append((broken.image_id, broken.scene_id, broken.source))
            written.faults[broken.image_id] = broken.fault
            meter.advance()
    _write_table(written.labels, ("ImageId", "EncodedPixels"), sorted(labels))
    _write_table(written.scenes, ("ImageId", "SceneId", "Source"), sorted(origins))
    # Last, so that a folder with this table is whole.
    _write_table(directory / "faults.csv", ("ImageId", "Fault"), sorted(written.faults.items()))
    return written


def encode_jpeg(image: Image.Image) -> bytes:
    """JPEG file as the Airbus ones are: quality 95, 4:2:0."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def _check(scenes: int, size_px: int, tiles_per_scene: int) -> None:
    places = _COLUMNS * _ROWS
    for name, value, fits, expected in (
        ("scenes", scenes, scenes >= 1, "at least 1"),
        ("size_px", size_px, size_px >= 96 and size_px % 3 == 0, "at least 96 and divisible by 3"),
        ("tiles_per_scene", tiles_per_scene, 1 <= tiles_per_scene <= places, f"1 to {places}"),
    ):
        if not fits:
            raise SettingsError(f"demo data: {name} is {value}, expected {expected}")


def _good_tiles(scenes: int, seed: int, size_px: int, tiles_per_scene: int) -> Iterator[Tile]:
    for number in range(scenes):
        # A generator per scene: more scenes leave the first ones as they are.
        rng = np.random.default_rng((seed, number))
        source, fleet, weather = _PLAN[number % len(_PLAN)]
        scene = _render(rng, size_px, source, fleet, weather)
        tiles = _cut(scene, f"demo-{seed}-{number:03d}", source, size_px)
        yield from _choose(rng, tiles, tiles_per_scene)


def _faulty_tiles(seed: int, size_px: int) -> Iterator[FaultyTile]:
    tiles: list[Tile] = []
    # A stream of randomness that no good scene uses.
    rng = np.random.default_rng((seed, 2**32))
    for number, (source, fleet) in enumerate(_FAULT_PLAN):
        scene = _render(rng, size_px, source, fleet, "clear")
        tiles += _cut(scene, f"demo-{seed}-faults-{number}", source, size_px)
    # Those with most ships first: some label faults need ships to be made of.
    tiles.sort(key=lambda tile: (-len(tile.ships), tile.image_id))
    return break_tiles(rng, tiles)


def _render(rng: np.random.Generator, size_px: int, source: str, fleet: str, weather: str) -> Scene:
    stride_px = size_px // 3
    shape = (size_px + (_ROWS - 1) * stride_px, size_px + (_COLUMNS - 1) * stride_px)
    return render_scene(
        rng, shape, source=source, fleet=fleet, weather=weather, longest_px=_LONGEST_SHIP * size_px
    )


def _cut(scene: Scene, scene_id: str, source: str, size_px: int) -> list[Tile]:
    """All tiles of a scene."""
    tiles = []
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            top, left = row * size_px // 3, column * size_px // 3
            window = (slice(top, top + size_px), slice(left, left + size_px))
            instances = scene.instances[window]
            areas_px = np.bincount(instances.ravel())
            areas_px[0] = 0
            ships = tuple(np.flatnonzero(areas_px >= _SMALLEST_LABEL_PX).tolist())
            name = hashlib.sha256(f"{scene_id}/{row}/{column}/{size_px}".encode()).hexdigest()[:9]
            pixels = np.ascontiguousarray(scene.pixels[window])
            tiles.append(Tile(f"{name}.jpg", scene_id, source, pixels, instances, ships))
    return tiles


def _choose(rng: np.random.Generator, tiles: Sequence[Tile], count: int) -> list[Tile]:
    """Tiles at random, with and without ships by turns as long as the scene has both.

    So even the few scenes of an evaluation split hold both kinds.
    """
    shuffled = [tiles[place] for place in rng.permutation(len(tiles))]
    kinds = [[tile for tile in shuffled if bool(tile.ships) is with_ships] for with_ships in (True, False)]
    by_turns = [tile for pair in zip_longest(*kinds) for tile in pair if tile is not None]
    return by_turns[:count]


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
