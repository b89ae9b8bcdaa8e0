"""Places to put training crops: pixels drawn so that a small ship is met as often as a large one."""

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

ANCHORS = 64


def ship_anchors(mask: NDArray[np.uint8], image_id: bytes) -> NDArray[np.int32]:
    """Ship pixels of one image, every connected component (8 neighbours) giving as many as the others.

    Plain draws of ship pixels would show a 10,000 px tanker five hundred times as often as a 20 px boat.
    Beyond 64 components, 64 random ones get a pixel each.

    Args:
        mask: [H, W], ship where not 0.
        image_id: seeds the draw.

    Returns:
        [64, 2] rows and columns; all -1 if the mask shows no ship.
    """
    # Of truth values, which numpy finds several times faster than numbers: all decoding waits for Python.
    pixels = np.flatnonzero(mask != 0)
    if not pixels.size:
        return np.full((ANCHORS, 2), -1, np.int32)
    random = np.random.default_rng(zlib.crc32(image_id))
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    components = labels.ravel()[pixels]
    order = np.argsort(components, kind="stable")
    ends = np.cumsum(np.bincount(components, minlength=count)[1:])
    starts = np.concatenate([[0], ends[:-1]])
    chosen = np.resize(random.permutation(count - 1), ANCHORS)
    drawn = pixels[order[random.integers(starts[chosen], ends[chosen])]]
    return np.stack(np.divmod(drawn, mask.shape[1]), axis=1).astype(np.int32)
