"""What can be measured on one image before anybody trains on it: how it looks, what its file went through.

The numbers are judged elsewhere, by the ranges in `schemas/ship_images.pbtxt`. All together take less
time than the decoding of the JPEG; keep it so. Imports no TensorFlow.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from components.ship_example_gen.decoding import Decoded
from components.ship_example_gen.halving import halve

# Luma of black borders, dead sensors and empty canvas after JPEG coding, and of a clipped white.
_DARK_LUMA = 5
_SATURATED_LUMA = 250
# Cloud rule, see `_cloud_fraction`.
_CLOUD_LUMA = 150
_CLOUD_WHITENESS = 0.20
_CLOUD_GRADIENT = 12.0
# Colour, cloud and voids are judged on means of blocks of 2**3 px, the size of JPEG's.
_BLOCK_HALVINGS = 3
_BLOCK_PX = 2**_BLOCK_HALVINGS
# Void rule, see `_void_fraction`.
_VOID_STEP = 5
_VOID_BLOCKS = 4
# Height of a coding unit of a JPEG with halved colour.
_UNIT_PX = 16
# Sum of the luminance table in ITU-T T.81, annex K.1, which IJG's libjpeg scales by its quality setting.
_ANNEX_K_SUM = 3685

SCALARS = (
    "luma_mean",
    "luma_std",
    "luma_p01",
    "luma_p99",
    "entropy",
    "sharpness",
    "relative_sharpness",
    "noise_ratio",
    "dark_fraction",
    "saturated_fraction",
    "cloud_fraction",
    "void_fraction",
    "chroma",
    "band_balance",
    "band_order",
    "row_seam",
    "jpeg_quality",
)


def measure(decoded: Decoded) -> dict[str, float]:
    """The measures named in `SCALARS`; none of an image that cannot be decoded.

    Returns:
        luma_* in 0-255 (ITU-R BT.601 luma of the 8-bit image), entropy in bits (0-8), sharpness in squared
        luma units, relative_sharpness in luma units, chroma in 0-255, *_fraction and band_balance in 0-1,
        jpeg_quality in 1-100, the others plain ratios.
    """
    if decoded.rgb is None:
        return {}
    return measure_rgb(decoded.rgb, decoded.luma) | {"jpeg_quality": jpeg_quality(decoded.luma_steps)}


def measure_rgb(rgb: NDArray[np.uint8], luma: NDArray[np.uint8] | None = None) -> dict[str, float]:
    """The measures of `SCALARS` that need nothing but the pixels, see `measure`.

    Args:
        rgb: uint8, [height, width, 3], at least one pixel.
        luma: uint8, [height, width], its brightness, where that is at hand.
    """
    if luma is None:
        luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    share = counts / counts.sum()
    levels = np.arange(256)
    mean = float(share @ levels)
    std = float(np.sqrt(share @ (levels - mean) ** 2))
    cumulative = np.cumsum(share)
    occupied = share[share > 0]
    # Variance of the Laplacian: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a
    # comparative study", ICPR 2000. Near 0 for blank, upsampled or defocused pictures, huge for drawn edges.
    # The mean of a Laplacian is 0, so the mean square will do, which OpenCV is 20 times faster at.
    laplacian = cv2.Laplacian(luma, cv2.CV_16S)
    sharpness = _mean_square(laplacian)
    blocks = halve(rgb, _BLOCK_HALVINGS)
    planes = cv2.split(blocks)
    bands = [plane.astype(np.float32) for plane in planes]
    brightness = sum(bands) / 3
    colour = sum(np.abs(band - brightness) for band in bands)
    return {
        "luma_mean": mean,
        "luma_std": std,
        "luma_p01": float(np.searchsorted(cumulative, 0.01)),
        "luma_p99": float(np.searchsorted(cumulative, 0.99)),
        # Shannon entropy of the luma histogram; max() because one occupied level gives -0.0.
        "entropy": max(0.0, float(-(occupied @ np.log2(occupied)))),
        "sharpness": sharpness,
        # A blurred town has more edge left than a calm sea ever had, so sharpness is seen against contrast;
        # 5 keeps the noise of the calm sea from counting for much.
        "relative_sharpness": sharpness / (std + 5),
        "noise_ratio": _noise_ratio(luma, sharpness),
        "dark_fraction": float(share[: _DARK_LUMA + 1].sum()),
        "saturated_fraction": float(share[_SATURATED_LUMA:].sum()),
        "cloud_fraction": _cloud_fraction(brightness, colour),
        "void_fraction": _void_fraction(laplacian, brightness),
        # Mean distance of a band from the mean of the three; 0 where all bands are the same.
        "chroma": float(colour.mean() / 3),
        "band_balance": _band_balance(planes),
        "band_order": _band_order(blocks),
        "row_seam": _row_seam(rgb),
    }


def jpeg_quality(luma_steps: Sequence[int]) -> float:
    """The quality setting (1-100) that a JPEG was saved with, told from its quantization table.

    Inverts the scaling of IJG's libjpeg, by which nearly all programs name the quality: step = base * S / 100
    with S = 5000 / quality below 50 and 200 - 2 * quality from there on. Tables of another origin get the
    quality that quantizes equally on average. Steps end at 255, so that below 20 the answer is a little high.

    Args:
        luma_steps: the 64 steps, in any order; empty for a file that is no JPEG, which counts as 100.
    """
    if not luma_steps:
        return 100.0
    scale = 100 * sum(luma_steps) / _ANNEX_K_SUM
    return float(round(5000 / scale if scale > 100 else 100 - scale / 2))


def _noise_ratio(luma: NDArray[np.uint8], sharpness: float) -> float:
    """How far the finest detail is noise: 1.8 for white noise, 0.1-1.4 for pictures.

    The numerator is the energy of the difference of two Laplacians, by which Immerkaer estimates noise ("Fast
    noise variance estimation", Computer Vision and Image Understanding 64, 1996); it cancels edges that the
    Laplacian in the denominator sees. White noise of variance v gives 36 v over 20 v. Rough sea has as much
    fine detail as strong noise, but it is connected from pixel to pixel, and the ratio tells.
    """
    # Whole numbers, with which OpenCV is twice as fast.
    kernel = np.array([1, -2, 1], np.int32)
    difference = cv2.sepFilter2D(luma, cv2.CV_16S, kernel, kernel)
    # The 1 keeps the rounding errors of a blank picture from passing for noise.
    return _mean_square(difference) / (sharpness + 1)


def _cloud_fraction(brightness: NDArray[np.float32], colour: NDArray[np.float32]) -> float:
    """Share of the picture that is bright, colourless and smooth, judged on means of 8x8 px blocks.

    Bright and colourless are the two visible-band tests of Fmask (Zhu & Woodcock, "Object-based cloud and
    cloud shadow detection in Landsat imagery", Remote Sensing of Environment 118, 2012): the whiteness
    sum(|band - mean|) / mean of the three visible bands is small over clouds, and their mean is high.
    Fmask's limit of 0.7 holds for reflectance; in 8-bit tiles, stretched for display, sand and roofs stay
    below it too, so the limit is tightened and smoothness asked for in addition: little change from block
    to block, unlike at the edges of roofs and quays. Without infrared, snow, foam and large white roofs
    cannot be told from cloud for certain; this is a screening figure and no cloud mask.

    Args:
        brightness: float32 [rows, columns], means of the three bands, 0-255.
        colour: the same shape, sum(|band - mean|).
    """
    bright = brightness > _CLOUD_LUMA
    if not bright.any():  # most images
        return 0.0
    whiteness = colour / np.maximum(brightness, 1.0)
    # A Sobel kernel sums to 8 times the luma step from one block to the next.
    across, down = (cv2.Sobel(brightness, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    gradient = cv2.magnitude(across, down) / 8
    cloud = bright & (whiteness < _CLOUD_WHITENESS) & (gradient < _CLOUD_GRADIENT)
    return float(cloud.mean())


def _void_fraction(laplacian: NDArray[np.int16], brightness: NDArray[np.float32]) -> float:
    """Share of the picture without any content: regions of exactly one value that end in a step.

    Beyond the swath, under a mask and where a decoder lost the thread, pixels are exactly equal, and at the
    border of the region the picture sets in at once. A calm dark sea has exactly equal blocks too, but its
    surroundings differ from them by a level or two. Regions of fewer than four blocks are too small to tell.

    Args:
        laplacian: int16 [height, width]; 0 throughout a block means that it is constant (or an exact ramp).
        brightness: float32 [rows, columns], means of blocks of 8x8 px.
    """
    if _constant_at_most(laplacian) < _VOID_BLOCKS:  # most images
        return 0.0
    # 255 per pixel, so that a single one is not rounded away in the mean of its block.
    changing = (laplacian != 0).view(np.uint8)
    changing *= 255
    flat = (halve(changing, _BLOCK_HALVINGS) == 0).view(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    rim = (flat > 0) & (cv2.erode(flat, np.ones((3, 3), np.uint8)) == 0)
    # Two blocks outwards, since a block on the border itself holds some of both.
    around = np.ones((5, 5), np.uint8)
    contrast = cv2.dilate(brightness, around) - cv2.erode(brightness, around)
    rim_blocks = np.bincount(labels[rim], minlength=count)
    step = np.bincount(labels[rim], contrast[rim], minlength=count) / np.maximum(rim_blocks, 1)
    blocks = statistics[:, cv2.CC_STAT_AREA]
    void = (step > _VOID_STEP) & (blocks >= _VOID_BLOCKS)
    void[0] = False  # what is not flat
    return float(blocks[void].sum() / flat.size)


def _constant_at_most(laplacian: NDArray[np.int16]) -> int:
    """How many blocks of 8x8 px are constant along one of their rows: a tenth of the time for all rows."""
    height, width = laplacian.shape
    if height % _BLOCK_PX or width % _BLOCK_PX:  # blocks reach into one another, see `halve`
        return laplacian.size
    # Eight pixels of a byte each are looked at as one number.
    changing = (laplacian[_BLOCK_PX // 2 :: _BLOCK_PX] != 0).view(np.uint64)
    return int(changing.size - np.count_nonzero(changing))


def _band_balance(planes: Sequence[NDArray[np.uint8]]) -> float:
    """How bright the brightest hundredth of the faintest band is, compared to that of the strongest.

    Over deep water at dusk red has little to show, but whatever is bright there is bright in all bands.

    Args:
        planes: of each band uint8 [rows, columns], means of blocks.
    """
    brightest = [_lowest_above(plane, 0.99) for plane in planes]
    return min(brightest) / max(*brightest, 1)


def _band_order(blocks: NDArray[np.uint8]) -> float:
    """Positive where red and blue are what they should be, negative where they look exchanged.

    Two facts of optics, added up: water, the darkest part of most tiles, absorbs red, so that there
    (blue - red) / (blue + red) is positive; and the haze of the atmosphere, strongest in blue, takes contrast
    from the blue band, so that ln(std red / std blue) is positive. Turbid water over plain sea floors both.

    Args:
        blocks: uint8 [rows, columns, 3], means of blocks.
    """
    # Brightness as a whole number, three times the mean of the bands.
    total = blocks[..., 0] + blocks[..., 1].astype(np.uint16) + blocks[..., 2]
    darkest = total <= _lowest_above(total, 0.25)
    dark_red, _, dark_blue, _ = cv2.mean(blocks, darkest.view(np.uint8))
    blueness = (dark_blue - dark_red) / (dark_blue + dark_red + 1)
    red_std, _, blue_std = cv2.meanStdDev(blocks)[1].ravel()
    return float(blueness + np.log((red_std + 1) / (blue_std + 1)))


def _row_seam(rgb: NDArray[np.uint8]) -> float:
    """Strongest break along a whole boundary between rows of JPEG units; about 0 without.

    A damaged scan goes on in another colour, at another place or not at all from some unit on, and so breaks
    the picture along the row below it. Mean step across each boundary in excess of the mean step just above
    and below it, relative to the latter; blockiness is measured by the same comparison (Wang, Bovik & Evans,
    "Blind measurement of blocking artifacts in images", ICIP 2000). The 8 levels added keep the grid of an
    ordinary JPEG of quality 90 over calm water from counting.
    """
    count = (len(rgb) - 2) // _UNIT_PX
    if count < 1:
        return 0.0
    # Of each boundary the rows on either side and the next ones, which lie one behind the other in memory:
    # a difference of three rows to those one further down is the three steps.
    rgb = np.ascontiguousarray(rgb)
    row_bytes = rgb[0].size
    rows = rgb.reshape(len(rgb), row_bytes)
    upper, lower = (
        as_strided(rows[_UNIT_PX - 2 + down :], (count, 3 * row_bytes), (_UNIT_PX * row_bytes, 1))
        for down in (0, 1)
    )
    steps = cv2.absdiff(upper, lower).reshape(count, 3, row_bytes)
    above, across, below = (np.add.reduce(steps, axis=2, dtype=np.uint32) / row_bytes).T
    within = (above + below) / 2
    return float(((across - within) / (within + 8)).max())


def _mean_square(differences: NDArray[np.int16]) -> float:
    return float(cv2.norm(differences, cv2.NORM_L2SQR)) / differences.size


def _lowest_above(values: NDArray[np.unsignedinteger], share: float) -> int:
    """The lowest of some whole numbers that is not below the given share (0-1) of all."""
    place = min(int(share * values.size), values.size - 1)
    return int(np.searchsorted(np.bincount(values.ravel()).cumsum(), place, side="right"))
