"""What can be measured on the pixels of one image before anybody trains on it: how does it look.

The numbers are judged elsewhere, by the ranges in `schemas/ship_images.pbtxt`. Imports no TensorFlow.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Luma of black borders, dead sensors and empty canvas after JPEG coding, and of a clipped white.
_DARK_LUMA = 5
_SATURATED_LUMA = 250
# Cloud rule, see `_cloud_fraction`.
_CLOUD_BLOCK_PX = 8
_CLOUD_LUMA = 150
_CLOUD_WHITENESS = 0.20
_CLOUD_GRADIENT = 12.0

SCALARS = (
    "luma_mean",
    "luma_std",
    "luma_p01",
    "luma_p99",
    "entropy",
    "sharpness",
    "dark_fraction",
    "saturated_fraction",
    "cloud_fraction",
)


def measure_rgb(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """The measures named in `SCALARS` of a decoded image.

    Args:
        rgb: uint8, [height, width, 3], at least one pixel.

    Returns:
        luma_* in 0-255 (ITU-R BT.601 luma of the 8-bit image), entropy in bits (0-8), sharpness in squared
        luma units, *_fraction in 0-1.
    """
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    share = counts / counts.sum()
    levels = np.arange(256)
    mean = float(share @ levels)
    cumulative = np.cumsum(share)
    occupied = share[share > 0]
    # Variance of the Laplacian: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a
    # comparative study", ICPR 2000. Near 0 for blank, upsampled or defocused pictures, huge for drawn edges.
    _, laplacian_std = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return {
        "luma_mean": mean,
        "luma_std": float(np.sqrt(share @ (levels - mean) ** 2)),
        "luma_p01": float(np.searchsorted(cumulative, 0.01)),
        "luma_p99": float(np.searchsorted(cumulative, 0.99)),
        # Shannon entropy of the luma histogram; max() because one occupied level gives -0.0.
        "entropy": max(0.0, float(-(occupied @ np.log2(occupied)))),
        "sharpness": float(laplacian_std.item() ** 2),
        "dark_fraction": float(share[: _DARK_LUMA + 1].sum()),
        "saturated_fraction": float(share[_SATURATED_LUMA:].sum()),
        "cloud_fraction": _cloud_fraction(rgb),
    }


def _cloud_fraction(rgb: NDArray[np.uint8]) -> float:
    """Share of the picture that is bright, colourless and smooth, judged on means of 8x8 px blocks.

    Bright and colourless are the two visible-band tests of Fmask (Zhu & Woodcock, "Object-based cloud and
    cloud shadow detection in Landsat imagery", Remote Sensing of Environment 118, 2012): the whiteness
    sum(|band - mean|) / mean of the three visible bands is small over clouds, and their mean is high.
    Fmask's limit of 0.7 holds for reflectance; in 8-bit tiles, stretched for display, sand and roofs stay
    below it too, so the limit is tightened and smoothness asked for in addition: little change from block
    to block, unlike at the edges of roofs and quays. Without infrared, snow, foam and large white roofs
    cannot be told from cloud for certain; this is a screening figure and no cloud mask.
    """
    height, width = rgb.shape[:2]
    size = (max(1, width // _CLOUD_BLOCK_PX), max(1, height // _CLOUD_BLOCK_PX))
    blocks = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    brightness = blocks.mean(axis=2)
    whiteness = np.abs(blocks - brightness[..., None]).sum(axis=2) / np.maximum(brightness, 1.0)
    # A Sobel kernel sums to 8 times the luma step from one block to the next.
    gradient = np.hypot(cv2.Sobel(brightness, cv2.CV_32F, 1, 0), cv2.Sobel(brightness, cv2.CV_32F, 0, 1)) / 8
    cloud = (brightness > _CLOUD_LUMA) & (whiteness < _CLOUD_WHITENESS) & (gradient < _CLOUD_GRADIENT)
    return float(cloud.mean())
