"""From fingerprints to images that show the same ground: copies, recompressed copies, overlapping tiles.

No image is compared with all others. Blocks are sorted by their keys, and only blocks that agree in a key and
lie near each other in that order are looked at (sorted neighbourhood: Hernandez & Stolfo, "The merge/purge
problem for large databases", SIGMOD 1995), so time grows as n log n and memory as n. The perceptual key may
differ in a few bits; it is sorted by three parts of 21 bits, of which one must agree (multi-index hashing:
Norouzi, Punjani & Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012).

A pair that was found so is believed if what else the two images share at that shift agrees too.
Imports neither TensorFlow nor Beam.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.ship_example_gen.fingerprints import BLOCK_PX, PERCEPTUAL_BITS, Fingerprints

# How far a block looks along the order. A place is seen by nine overlapping tiles; where more agree (many
# copies) each finds some of them, which is enough to hold a group together.
_NEIGHBOURS = 16
_BAND_BITS = 21
# Root mean square difference of the cells of two blocks with the same perceptual key, as a share of their
# contrast: correlation of at least 0.99.
_MAX_RELATIVE_DIFFERENCE = 0.12
# Blocks that merely must not contradict may be flat: so many levels of luma are allowed for compression.
_MAX_DIFFERENCE = 1.0
# Blocks that must agree among those that two images share; the rest may be damaged or painted over.
_AGREEING_SHARE = 2 / 3
# Without an exact key, so many blocks must have been recognised, with so much spread in all: among thousands
# of calm tiles many a ship lies in the same place, on the border of two blocks even.
_MIN_PERCEPTUAL = 2
_MIN_SPREAD = 20.0
# In a recompressed copy every block, flat or not, must be this near. A ship moves its cells by tens.
_COPY_RELATIVE_DIFFERENCE = 0.03
_COPY_DIFFERENCE = 0.75
# Rows of a chunk in which blocks are compared; one takes 1.3 KB while it is.
_CHUNK = 1 << 13

_Indices = NDArray[np.int64]


_SIGHTING = np.dtype(
    [
        ("first", "<i8"),
        ("second", "<i8"),
        # In blocks, else as in `LINK`.
        ("shift_rows", "<i4"),
        ("shift_columns", "<i4"),
        ("exact", "<i4"),
        ("perceptual", "<i4"),
        # Of the perceptual ones, in all.
        ("spread", "<f4"),
    ]
)


class Kind(IntEnum):
    """How two images are related."""

    DUPLICATE = 0
    """The same bytes."""
    NEAR_DUPLICATE = 1
    """The same picture, compressed anew."""
    OVERLAP = 2
    """The same ground in a part of the picture."""


LINK = np.dtype(
    [("first", "<i8"), ("second", "<i8"), ("kind", "u1"), ("shift_rows", "<i4"), ("shift_columns", "<i4")]
)
"""Places of two images in the listing, first < second, a `Kind`, and by how many px the second one begins
below and to the right of the first one."""


@dataclass(frozen=True)
class SceneGroups:
    """Which of the listed images show the same ground.

    Attributes:
        group: int32 [images]; images with the same number show the same ground, directly or over others.
        links: `LINK` [links], by first and second; the best one of each pair of images that was compared. Not
            all pairs of a group are compared.
        original: int64 [images], place of the image of which this is a copy (duplicate or near duplicate),
            the first of all copies unless `copies` chose another, or its own place.
    """

    group: NDArray[np.int32]
    links: NDArray[np.void]
    original: NDArray[np.int64]

    def __str__(self) -> str:
        size = np.bincount(self.group)
        kinds = np.bincount(self.links["kind"], minlength=len(Kind))
        copies = int((self.original != np.arange(len(self.original))).sum())
        return (
            f"{len(self.group)} images in {len(size)} scenes, {int((size > 1).sum())} of them with several "
            f"images, the largest with {int(size.max(initial=0))}; {copies} copies of another image; links: "
            f"{kinds[Kind.DUPLICATE]} same bytes, {kinds[Kind.NEAR_DUPLICATE]} compressed anew, "
            f"{kinds[Kind.OVERLAP]} overlapping"
        )


def find_groups(fingerprints: Fingerprints) -> SceneGroups:
    """Links the images of a data set and groups them.

    What is not found: overlaps by other strides than 256 px, turned, mirrored or resized copies, and
    recompressed tiles of calm sea or plain cloud.
    """
    count = len(fingerprints.sha1)
    # The first ones stand for their copies in the search.
    originals = np.arange(count)
    links = []
    for keys, kind in ((fingerprints.sha1, Kind.DUPLICATE), (fingerprints.picture, Kind.NEAR_DUPLICATE)):
        links.append(_to_first(keys, originals, kind))
        originals = np.setdiff1d(originals, links[-1]["second"], assume_unique=True)
    found = np.concatenate([*links, _similar(fingerprints, originals)])
    found = found[np.lexsort((found["second"], found["first"]))]

    group = connected(count, found["first"], found["second"])
    same = found[found["kind"] != Kind.OVERLAP]
    copies = connected(count, same["first"], same["second"])
    _, earliest = np.unique(copies, return_index=True)
    return SceneGroups(group, found, earliest[copies])


def _to_first(keys: NDArray[np.bytes_], images: _Indices, kind: Kind) -> NDArray[np.void]:
    """Links each of the images to the first of them with the same key, if the key is not empty."""
    images = images[keys[images] != b""]
    _, first, which = np.unique(keys[images], return_index=True, return_inverse=True)
    links = np.zeros(len(images), LINK)
    links["first"], links["second"], links["kind"] = images[first[which]], images, kind
    return np.asarray(links[links["first"] != links["second"]])


def connected(count: int, first: _Indices, second: _Indices) -> NDArray[np.int32]:
    """Numbers `count` things so that those that pairs connect, directly or over others, have the same."""
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component)


def _similar(fingerprints: Fingerprints, originals: _Indices) -> NDArray[np.void]:
    """Links between images that are not the same picture, by their blocks."""
    exact, perceptual = _recognised(fingerprints, originals)
    sightings = _sightings(fingerprints, exact, perceptual)
    many = (sightings["perceptual"] >= _MIN_PERCEPTUAL) & (sightings["spread"] >= _MIN_SPREAD)
    sightings = sightings[(sightings["exact"] > 0) | many]
    agreeing, copied, shared = _compare_shared(fingerprints, sightings)
    unmoved = (sightings["shift_rows"] == 0) & (sightings["shift_columns"] == 0)
    copy = unmoved & (copied == shared) & _same_size(fingerprints, sightings["first"], sightings["second"])

    links = np.zeros(len(sightings), LINK)
    links["first"], links["second"] = sightings["first"], sightings["second"]
    links["kind"] = np.where(copy, Kind.NEAR_DUPLICATE, Kind.OVERLAP)
    links["shift_rows"] = sightings["shift_rows"] * BLOCK_PX
    links["shift_columns"] = sightings["shift_columns"] * BLOCK_PX
    believed = agreeing >= _AGREEING_SHARE * shared
    # Of several shifts of a pair the one with most recognised blocks.
    order = np.lexsort((sightings["exact"] + sightings["perceptual"], links["second"], links["first"]))
    links = links[order[believed[order]]]
    following = links[1:]
    last = np.ones(len(links), bool)
    last[:-1] = (links["first"][:-1] != following["first"]) | (links["second"][:-1] != following["second"])
    return np.asarray(links[last])


def _recognised(fingerprints: Fingerprints, originals: _Indices) -> tuple[_Indices, _Indices]:
    """Pairs of blocks of different images that agree exactly, and those that agree perceptually.

    Returns:
        Two sorted arrays of codes: block of the earlier image * number of blocks + block of the later one.
    """
    blocks = fingerprints.blocks
    owner = fingerprints.owner
    searched = np.isin(owner, originals)

    def coded(left: _Indices, right: _Indices) -> _Indices:
        apart = owner[left] != owner[right]
        left, right = left[apart], right[apart]
        swapped = owner[left] > owner[right]
        codes = np.where(swapped, right, left) * len(blocks) + np.where(swapped, left, right)
        return np.asarray(codes)

    usable = np.flatnonzero(searched & (blocks["exact"] != 0))
    exact = [coded(*pairs) for pairs in _neighbours(blocks["exact"][usable], usable, 64)]
    usable = np.flatnonzero(searched & (blocks["perceptual"] != 0))
    keys = blocks["perceptual"][usable]
    perceptual = []
    for band in range(PERCEPTUAL_BITS // _BAND_BITS):
        turned = (keys << np.uint64(band * _BAND_BITS)) | (
            keys >> np.uint64(PERCEPTUAL_BITS - band * _BAND_BITS)
        )
        turned &= np.uint64((1 << PERCEPTUAL_BITS) - 1)
        for left, right in _neighbours(turned << np.uint64(64 - PERCEPTUAL_BITS), usable, _BAND_BITS):
            alike = _alike(blocks, left, right)
            perceptual.append(coded(left[alike], right[alike]))
    none = np.empty(0, np.int64)
    return np.unique(np.concatenate([none, *exact])), np.unique(np.concatenate([none, *perceptual]))


def _neighbours(
    keys: NDArray[np.uint64], blocks: _Indices, leading_bits: int
) -> Iterator[tuple[_Indices, _Indices]]:
    """Pairs of blocks that are near each other in the order of the keys and agree in their leading bits."""
    # Stable, so that all blocks of many copies choose the same ones of them.
    order = np.argsort(keys, kind="stable")
    blocks, leading = blocks[order], keys[order] >> np.uint64(64 - leading_bits)
    for step in range(1, _NEIGHBOURS + 1):
        same = leading[:-step] == leading[step:]
        if not same.any():
            return
        yield blocks[:-step][same], blocks[step:][same]


def _alike(blocks: NDArray[np.void], left: _Indices, right: _Indices) -> NDArray[np.bool_]:
    """Whether the cells of two blocks each differ by little beside their contrast."""
    # Cheap, and rules out most: cells cannot differ by less than their mean does.
    alike = (
        np.abs(blocks["mean"][left] - blocks["mean"][right])
        <= _MAX_RELATIVE_DIFFERENCE * blocks["scale"][left]
    )
    for start in range(0, len(left), _CHUNK):
        chosen = start + np.flatnonzero(alike[start : start + _CHUNK])
        difference, contrast = _difference(blocks, left[chosen], right[chosen])
        alike[chosen] = difference <= _MAX_RELATIVE_DIFFERENCE * contrast
    return np.asarray(alike)


def _difference(
    blocks: NDArray[np.void], left: _Indices, right: _Indices
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Root mean square difference of the cells of blocks, and the standard deviation of the left one's."""
    one, other = ((blocks["scale"][at] / 127)[:, None] * blocks["deviation"][at] for at in (left, right))
    shift = (blocks["mean"][left] - blocks["mean"][right])[:, None]
    return np.sqrt(np.square(one - other + shift).mean(axis=1)), one.std(axis=1)


def _sightings(fingerprints: Fingerprints, exact: _Indices, perceptual: _Indices) -> NDArray[np.void]:
    """`_SIGHTING` for each pair of images and shift at which blocks agree: how many do."""
    codes = np.union1d(exact, perceptual)
    left, right = np.divmod(codes, max(1, len(fingerprints.blocks)))
    first, second = fingerprints.owner[left], fingerprints.owner[right]
    first_row, first_column = fingerprints.place_of(left)
    second_row, second_column = fingerprints.place_of(right)
    seen = np.zeros(len(codes), _SIGHTING)
    seen["first"], seen["second"] = first, second
    seen["shift_rows"], seen["shift_columns"] = first_row - second_row, first_column - second_column
    seen["exact"], seen["perceptual"] = np.isin(codes, exact), np.isin(codes, perceptual)
    seen["spread"] = fingerprints.blocks["spread"][left] * seen["perceptual"]
    # Images smaller than a block are one block of their own size.
    small = np.minimum(fingerprints.height, fingerprints.width) < BLOCK_PX
    seen = seen[~(small[first] | small[second]) | _same_size(fingerprints, first, second)]
    if not len(seen):
        return np.asarray(seen)

    places = ("first", "second", "shift_rows", "shift_columns")
    seen = seen[np.lexsort([seen[place] for place in places])]
    begins = np.flatnonzero(np.append(True, np.any([np.diff(seen[place]) != 0 for place in places], axis=0)))
    counted = seen[begins]
    for key in ("exact", "perceptual", "spread"):
        counted[key] = np.add.reduceat(seen[key], begins)
    return np.asarray(counted)


def _same_size(fingerprints: Fingerprints, first: _Indices, second: _Indices) -> NDArray[np.bool_]:
    height, width = fingerprints.height, fingerprints.width
    return np.asarray((height[first] == height[second]) & (width[first] == width[second]))


def _compare_shared(
    fingerprints: Fingerprints, sightings: NDArray[np.void]
) -> tuple[_Indices, _Indices, _Indices]:
    """Of the blocks that two images share at a shift: how many agree, how many are as in a copy, and all."""
    first, second = sightings["first"], sightings["second"]
    top, height = _shared(fingerprints.rows, first, second, sightings["shift_rows"])
    left, width = _shared(fingerprints.columns, first, second, sightings["shift_columns"])
    shared = height * width
    agreeing, copied = np.zeros_like(shared), np.zeros_like(shared)
    # Few pairs at a time if there are images of very many blocks.
    chunk = max(1, _CHUNK // int(shared.max(initial=1)))
    for begin in range(0, len(sightings), chunk):
        part = slice(begin, begin + chunk)
        pair = begin + np.repeat(np.arange(len(shared[part])), shared[part])
        nth = np.arange(len(pair)) - np.repeat(np.cumsum(shared[part]) - shared[part], shared[part])
        row, column = top[pair] + nth // width[pair], left[pair] + nth % width[pair]
        difference, contrast = _difference(
            fingerprints.blocks,
            fingerprints.block_at(first[pair], row, column),
            fingerprints.block_at(
                second[pair],
                row - sightings["shift_rows"][pair],
                column - sightings["shift_columns"][pair],
            ),
        )
        for count, relative, absolute in (
            (agreeing, _MAX_RELATIVE_DIFFERENCE, _MAX_DIFFERENCE),
            (copied, _COPY_RELATIVE_DIFFERENCE, _COPY_DIFFERENCE),
        ):
            near = difference <= relative * contrast + absolute
            count[part] = np.bincount(pair[near] - begin, minlength=len(count[part]))
    return agreeing, copied, shared


def _shared(
    lengths: NDArray[np.int32], first: _Indices, second: _Indices, shift: NDArray[np.int32]
) -> tuple[_Indices, _Indices]:
    """Which rows (or columns) of the first image the second one shows too: where they begin, how many."""
    begin = np.maximum(0, shift).astype(np.int64)
    return begin, np.minimum(lengths[first], lengths[second] + shift) - begin
