"""What an image is recognised by when another file shows the same ground: a few numbers per block of 256 px.

Airbus tiles are 768 px wide and cut at a stride of 256 px, so tiles that overlap share whole blocks. Each
block has two keys:

`exact` is a hash of its brightness at a quarter of the size, without the rim. A stride of 256 px keeps the
grid of JPEG's own blocks, so tiles that were compressed alike hold the same numbers where they overlap; only
along the edge of a tile the halved colour is spread differently, which shows where colours clip, so the rim
is left out. This key recognises even calm sea, by its noise, and cannot agree by chance.

`perceptual` survives another compression: the signs of the lowest frequencies of the block, as in pHash
(Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, 3.2.1). Calm water and
plain cloud have none. Single edges and single ships look alike everywhere; how much such a block is worth as
evidence is its `spread`.

Imports neither TensorFlow nor Beam.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from components.ship_example_gen.decoding import Decoded, decode
from components.ship_example_gen.halving import halve
from components.ship_example_gen.listing import ImageFile, read_or_nothing

BLOCK_PX = 256
CELLS = 8
# Bits of the perceptual key: one for each frequency of the cells but the mean.
PERCEPTUAL_BITS = CELLS * CELLS - 1

# Leaves 64 x 64 px of a block.
_HALVINGS = 2
_REDUCED_PX = BLOCK_PX >> _HALVINGS
# A block with more of a single level than this is black border, clipped white or drawing canvas. Among the
# 354 curated tiles no block has more than 0.87.
_MAX_LEVEL_SHARE = 0.9
# Standard deviation of the cells, in luma, after a plane is taken away (haze and glint are slopes). Another
# compression moves a cell, a mean of 1024 px, by about 0.1.
_MIN_CONTRAST = 1.0
BLOCK = np.dtype(
    [
        # The keys; 0 for a block that could be anywhere.
        ("exact", "<u8"),
        ("perceptual", "<u8"),
        # Over how many frequencies, and how many cells, the contrast is spread; the smaller number. A slope
        # or a straight edge has 2-3 frequencies, a ship in calm water 1-6 cells.
        ("spread", "<f4"),
        # The 8 x 8 cells of a block, each a mean of 32 x 32 px: cell = mean + scale * deviation / 127.
        ("mean", "<f4"),
        ("scale", "<f4"),
        ("deviation", "i1", (CELLS * CELLS,)),
    ]
)
"""A block: 92 bytes."""

_HEADER = struct.Struct("<I20sIIHH")
# Behind index and SHA-1, which differ between copies of a picture.
_PICTURE_AT = 24

# Projection of 64 cells onto what a plane cannot explain.
_ROWS, _COLUMNS = np.divmod(np.arange(CELLS * CELLS), CELLS)
_PLANE = np.stack([np.ones(CELLS * CELLS), _ROWS, _COLUMNS], axis=1)
_WITHOUT_PLANE = (np.eye(CELLS * CELLS) - _PLANE @ np.linalg.pinv(_PLANE)).astype(np.float32)
# DCT-II of the cells as one matrix; dct() of every unit vector gives its columns.
_DCT_ROW = np.stack([cv2.dct(unit).ravel() for unit in np.eye(CELLS, dtype=np.float32)], axis=1)
_DCT = np.kron(_DCT_ROW, _DCT_ROW)
_BIT_VALUES = np.uint64(1) << np.arange(PERCEPTUAL_BITS, dtype=np.uint64)


@dataclass(frozen=True)
class Fingerprint:
    """What one file is recognised by.

    Attributes:
        sha1: 20 bytes, of the file as found; b"" if it could not be read.
        height: of the image in px; 0 if it cannot be decoded.
        width: likewise.
        rows: blocks from top to bottom, counted from the top left corner; what is left over has no block. An
            image with an edge below 256 px is one block as a whole.
        columns: likewise from left to right.
        blocks: `BLOCK` [rows * columns], row by row; none if the image cannot be decoded.
    """

    sha1: bytes
    height: int
    width: int
    rows: int
    columns: int
    blocks: NDArray[np.void]

    def to_bytes(self, index: int) -> bytes:
        """A record for `Fingerprints.of_records`; `index` (>= 0) is the image's place in the listing."""
        header = _HEADER.pack(index, self.sha1, self.height, self.width, self.rows, self.columns)
        return header + self.blocks.tobytes()


@dataclass(frozen=True)
class Fingerprints:
    """Those of many images, in arrays: 0.9 KB for a tile of 768 px.

    Attributes:
        sha1: S20 [images], in the order of the listing.
        picture: S8 [images], equal for the same size and the same blocks; b"" if no block has an exact key.
        height, width, rows, columns: int32 [images], as in `Fingerprint`.
        first_block: int64 [images], where the blocks of an image begin.
        owner: int64 [blocks], the image that a block belongs to.
        blocks: `BLOCK` [blocks].
    """

    sha1: NDArray[np.bytes_]
    picture: NDArray[np.bytes_]
    height: NDArray[np.int32]
    width: NDArray[np.int32]
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    first_block: NDArray[np.int64]
    owner: NDArray[np.int64]
    blocks: NDArray[np.void]

    @staticmethod
    def of_records(records: Iterable[bytes], count: int) -> "Fingerprints":
        """Puts records together.

        Args:
            records: results of `Fingerprint.to_bytes` in any order, each index below `count` once.
            count: how many images there are.

        Raises:
            ValueError: there is not one record for every image.
        """
        sha1, picture = np.zeros(count, "S20"), np.zeros(count, "S8")
        sizes = np.zeros((4, count), np.int32)
        first_block = np.full(count, -1, np.int64)
        blocks = bytearray()
        for record in records:
            index, sha1[index], *sizes[:, index] = _HEADER.unpack_from(record)
            first_block[index] = len(blocks) // BLOCK.itemsize
            blocks += memoryview(record)[_HEADER.size :]
            if np.frombuffer(record, BLOCK, offset=_HEADER.size)["exact"].any():
                picture[index] = hashlib.blake2b(record[_PICTURE_AT:], digest_size=8).digest()
        if count and first_block.min() < 0:
            raise ValueError(f"{int((first_block < 0).sum())} of {count} images have no fingerprint")
        height, width, rows, columns = sizes
        by_block = np.argsort(first_block)
        owner = np.repeat(by_block, (rows * columns)[by_block])
        return Fingerprints(
            sha1, picture, height, width, rows, columns, first_block, owner, np.frombuffer(blocks, BLOCK)
        )

    def block_at(
        self, image: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Which blocks lie at these places of the images."""
        return np.asarray(self.first_block[image] + row * self.columns[image] + column)

    def place_of(self, block: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of blocks in their images."""
        image = self.owner[block]
        row, column = np.divmod(block - self.first_block[image], self.columns[image])
        return row, column


def fingerprint(image_bytes: bytes) -> Fingerprint:
    """The fingerprint of a file. Bad bytes have no blocks, and are never an exception.

    Args:
        image_bytes: the file as found; b"" if it could not be read.
    """
    sha1 = hashlib.sha1(image_bytes, usedforsecurity=False).digest() if image_bytes else b""
    return fingerprint_of(sha1, decode(image_bytes))


def fingerprint_of(sha1: bytes, decoded: Decoded) -> Fingerprint:
    """The fingerprint of a file that has been decoded; a tenth of the time that the decoding takes.

    Args:
        sha1: 20 bytes, of the file as found; b"" if it could not be read.
        decoded: what the file is.
    """
    luma = decoded.luma
    if luma is None:
        return Fingerprint(sha1, 0, 0, 0, 0, np.empty(0, BLOCK))
    height, width = luma.shape
    if min(height, width) < BLOCK_PX:
        return Fingerprint(sha1, height, width, 1, 1, _blocks(luma[None]))
    rows, columns = height // BLOCK_PX, width // BLOCK_PX
    # By whole blocks, so that what a block gives does not depend on what lies around it.
    grid = halve(luma[: rows * BLOCK_PX, : columns * BLOCK_PX], _HALVINGS)
    pixels = grid.reshape(rows, _REDUCED_PX, columns, _REDUCED_PX).swapaxes(1, 2)
    blocks = _blocks(pixels.reshape(rows * columns, _REDUCED_PX, _REDUCED_PX))
    return Fingerprint(sha1, height, width, rows, columns, blocks)


def fingerprint_file(listed: tuple[int, ImageFile]) -> bytes:
    """Record of the fingerprint of an image, from its place in the listing; it need not be readable."""
    index, image = listed
    return fingerprint(read_or_nothing(image.path, image.size)).to_bytes(index)


def _blocks(pixels: NDArray[np.uint8]) -> NDArray[np.void]:
    """`BLOCK` [blocks] of uint8 [blocks, height, width]."""
    count, height, width = pixels.shape
    # Blocks below one another are one picture to OpenCV, whose cells do not reach into the next.
    column = pixels.reshape(count * height, width).astype(np.float32)
    cells = cv2.resize(column, (CELLS, count * CELLS), interpolation=cv2.INTER_AREA).reshape(
        count, CELLS * CELLS
    )
    mean = cells.mean(axis=1)
    deviation = cells - mean[:, None]
    scale = np.abs(deviation).max(axis=1)
    blocks = np.zeros(count, BLOCK)
    blocks["exact"] = _exact_keys(pixels)
    blocks["perceptual"], blocks["spread"] = _perceptual_keys(cells)
    blocks["mean"], blocks["scale"] = mean, scale
    blocks["deviation"] = np.rint(deviation * (127 / np.maximum(scale, 1e-6))[:, None])
    return blocks


def _exact_keys(pixels: NDArray[np.uint8]) -> list[int]:
    inner = np.ascontiguousarray(pixels[:, 1:-1, 1:-1])
    sample = inner[:, ::2, ::2].reshape(len(inner), -1)
    if not sample.size:
        return [0] * len(inner)
    # One histogram for all blocks, each with levels of its own.
    levels = sample + 256 * np.arange(len(sample))[:, None]
    most_common = np.bincount(levels.ravel(), minlength=256 * len(sample)).reshape(-1, 256).max(axis=1)
    plain = most_common > _MAX_LEVEL_SHARE * sample.shape[1]
    return [0 if is_plain else _digest(block) for is_plain, block in zip(plain, inner, strict=True)]


def _digest(block: NDArray[np.uint8]) -> int:
    return int.from_bytes(hashlib.sha1(block.data, usedforsecurity=False).digest()[:8], "little")


def _perceptual_keys(
    cells: NDArray[np.float32],
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """Key and spread of blocks, from float32 [blocks, 64]."""
    frequencies = (cells @ _DCT.T)[:, 1:]
    middle = PERCEPTUAL_BITS // 2
    median = np.partition(frequencies, middle, axis=1)[:, middle : middle + 1]
    keys = (frequencies > median) @ _BIT_VALUES
    detail = cells @ _WITHOUT_PLANE.T
    keys[detail.std(axis=1) < _MIN_CONTRAST] = 0
    return keys, np.minimum(_spread(frequencies), _spread(detail))


def _spread(amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over how many of the columns the energy of each row is spread, 1 to all of them."""
    energy = np.square(amplitudes)
    return np.asarray(energy.sum(axis=1) ** 2 / np.maximum(np.square(energy).sum(axis=1), 1e-9))
