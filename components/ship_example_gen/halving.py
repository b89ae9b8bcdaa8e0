"""Smaller pictures, made by halving. Imports no TensorFlow."""

import cv2
import numpy as np
from numpy.typing import NDArray


def halve(picture: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """Means of blocks of 2**times px, at least one each way; what is left over at the edges may count or not.

    OpenCV has much faster code for halves than for a quarter or an eighth at once. Each half is rounded, so a
    mean may be off by half a level for each. It depends on nothing outside of its block where height and
    width are multiples of the block.

    Args:
        picture: uint8 [height, width, ...].
        times: how often.

    Returns:
        uint8 [height // 2**times, width // 2**times, ...].
    """
    for _ in range(times):
        size = (max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture
