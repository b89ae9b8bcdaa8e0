"""Breaks tiles and labels in the ways that real data sets are broken, one tile per fault."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image


class GoodTile(Protocol):
    """What a fault needs to know of the tile that it breaks."""

    @property
    def image_id(self) -> str:
        """File name."""

    @property
    def scene_id(self) -> str:
        """Scene that the tile was cut from."""

    @property
    def source(self) -> str:
        """Kind of scene."""

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """uint8 RGB [size, size, 3]."""

    @property
    def jpeg(self) -> bytes:
        """The picture as a file."""

    @property
    def encoded_pixels(self) -> list[str]:
        """Run-length string per ship; one empty string without ships."""


@dataclass(frozen=True)
class FaultyTile:
    """A tile to be written as it is.

    Attributes:
        image_id, scene_id, source: as of a good tile.
        fault: key of `FAULTS`.
        file: content of the image file, or None for a label without an image.
        encoded_pixels: values of its rows in the label table.
    """

    image_id: str
    scene_id: str
    source: str
    fault: str
    file: bytes | None
    encoded_pixels: list[str]


# A fault takes a tile and gives the file and the label rows to write instead.
Fault = Callable[[np.random.Generator, GoodTile], tuple[bytes | None, list[str]]]


def break_tiles(rng: np.random.Generator, tiles: Sequence[GoodTile]) -> Iterator[FaultyTile]:
    """One faulty tile for each of `FAULTS`, made from the tiles in order, most ships first."""
    for tile, (name, fault) in zip(tiles[: len(FAULTS)], FAULTS.items(), strict=True):
        file, encoded_pixels = fault(rng, tile)
        yield FaultyTile(tile.image_id, tile.scene_id, tile.source, name, file, encoded_pixels)


def _file(image: Image.Image, kind: str = "JPEG") -> bytes:
    content = io.BytesIO()
    options = {"quality": 95, "subsampling": "4:2:0"} if kind == "JPEG" else {}
    image.save(content, kind, **options)
    return content.getvalue()


# --- Labels. Those that need ships come first, as `FAULTS` lists them.


def _overlapping_ships(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """A second ship begins in the middle of the first one's first run."""
    rows = tile.encoded_pixels
    start, length = (int(value) for value in rows[0].split()[:2])
    return tile.jpeg, [*rows, f"{start + length // 2} {length}"]


def _duplicate_row(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return tile.jpeg, [tile.encoded_pixels[0], *tile.encoded_pixels]


def _empty_and_ships(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return tile.jpeg, ["", *tile.encoded_pixels]


def _odd_values(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """The last run lost its length, as when a cell of a table is cut off."""
    return tile.jpeg, [tile.encoded_pixels[0].rsplit(" ", 1)[0], *tile.encoded_pixels[1:]]


def _zero_start(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """Counted from 0, not from 1."""
    return tile.jpeg, ["0 5", *filter(None, tile.encoded_pixels)]


def _negative_length(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return tile.jpeg, ["2000 -4", *filter(None, tile.encoded_pixels)]


def _beyond_image(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """The last run goes on behind the last pixel."""
    height, width = tile.pixels.shape[:2]
    return tile.jpeg, [f"{height * width - 2} 9", *filter(None, tile.encoded_pixels)]


def _absent_image(_: np.random.Generator, tile: GoodTile) -> tuple[None, list[str]]:
    return None, tile.encoded_pixels


def _unlabelled_image(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return tile.jpeg, []


# --- Images.


def _truncated(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return tile.jpeg[: len(tile.jpeg) * 2 // 5], tile.encoded_pixels


def _empty_file(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return b"", tile.encoded_pixels


def _not_an_image(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """An error page saved under the image's name."""
    return (
        b"<html><head><title>503 Service Unavailable</title></head><body></body></html>\n",
        tile.encoded_pixels,
    )


def _wrong_size(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """A smaller cut: 558 x 558 for a tile of 768, as found in a re-published part of the Airbus data."""
    size = round(tile.pixels.shape[0] * 558 / 768)
    return _file(Image.fromarray(tile.pixels[:size, :size])), [""]


def _grayscale(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    return _file(Image.fromarray(tile.pixels).convert("L")), tile.encoded_pixels


def _rgba_png(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """A PNG with an alpha channel under a name that ends in .jpg."""
    return _file(Image.fromarray(tile.pixels).convert("RGBA"), "PNG"), tile.encoded_pixels


def _all_black(_: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """Beyond the edge of the satellite's swath."""
    return _file(Image.fromarray(np.zeros_like(tile.pixels))), [""]


def _all_white(rng: np.random.Generator, tile: GoodTile) -> tuple[bytes, list[str]]:
    """Nothing but the top of a cloud."""
    cloud = rng.normal(246, 3, tile.pixels.shape).clip(0, 255).astype(np.uint8)
    return _file(Image.fromarray(cloud)), [""]


FAULTS: dict[str, Fault] = {
    "overlapping_ships": _overlapping_ships,
    "duplicate_row": _duplicate_row,
    "empty_and_ships": _empty_and_ships,
    "odd_values": _odd_values,
    "zero_start": _zero_start,
    "negative_length": _negative_length,
    "beyond_image": _beyond_image,
    "absent_image": _absent_image,
    "unlabelled_image": _unlabelled_image,
    "truncated": _truncated,
    "empty_file": _empty_file,
    "not_an_image": _not_an_image,
    "wrong_size": _wrong_size,
    "grayscale": _grayscale,
    "rgba_png": _rgba_png,
    "all_black": _all_black,
    "all_white": _all_white,
}
