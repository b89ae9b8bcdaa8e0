import warnings

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from pydantic import ValidationError
from skimage import exposure

from components.transform.contrast import apply_contrast, luma
from components.transform.settings import ContrastSettings

Image = npt.NDArray[np.uint8]

SIZES = [(64, 64), (96, 160), (67, 121), (64, 121), (13, 7), (3, 200), (1, 1)]
METHODS = ["none", "equalize", "stretch", "clahe"]


def scene(height: int, width: int, seed: int = 0) -> Image:
    """A coloured gradient with noise and a bright block, over a part of the gray levels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([40 + rows / height * 60, 60 + columns / width * 70, np.full((height, width), 90.0)], -1)
    image += rng.normal(0, 6, image.shape)
    image[height // 3 : height // 2, width // 3 : width // 2] += 110
    return image.clip(0, 255).astype(np.uint8)


def adjusted(image: Image, **settings: object) -> Image:
    result: Image = apply_contrast(tf.constant(image), ContrastSettings(**settings)).numpy()  # type: ignore[arg-type]
    assert result.dtype == np.uint8
    assert result.shape == image.shape
    return result


def by_opencv(image: Image, operation: object) -> Image:
    converted = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    converted[..., 0] = operation(np.ascontiguousarray(converted[..., 0]))  # type: ignore[operator]
    return cv2.cvtColor(converted, cv2.COLOR_YCrCb2RGB)


def gray_level_difference(one: Image, other: Image) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("size", SIZES)
def test_luma_is_bit_for_bit_opencvs(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    np.testing.assert_array_equal(luma(image).numpy(), cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., 0])


@pytest.mark.parametrize("size", SIZES)
def test_equalize_is_opencvs_within_two_gray_levels(size: tuple[int, int]) -> None:
    image = scene(*size)
    assert gray_level_difference(adjusted(image, method="equalize"), by_opencv(image, cv2.equalizeHist)) <= 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("clip_limit", "grid"), [(2.0, 8), (0.5, 3), (40.0, 8)])
def test_clahe_is_opencvs_within_two_gray_levels(size: tuple[int, int], clip_limit: float, grid: int) -> None:
    image = scene(*size)
    expected = by_opencv(image, cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(grid, grid)).apply)
    result = adjusted(image, method="clahe", clip_limit=clip_limit, grid=grid)
    assert gray_level_difference(result, expected) <= 2


@pytest.mark.parametrize("method", ["equalize", "clahe"])
@pytest.mark.parametrize("size", SIZES)
def test_gray_images_match_opencv_on_the_single_channel(method: str, size: tuple[int, int]) -> None:
    gray = scene(*size)[..., 0]
    operation = cv2.equalizeHist if method == "equalize" else cv2.createCLAHE(2.0, (8, 8)).apply
    result = adjusted(np.repeat(gray[..., None], 3, -1), method=method)
    tolerance = 0 if method == "equalize" else 1
    for channel in range(3):
        assert gray_level_difference(result[..., channel], operation(gray)) <= tolerance


@pytest.mark.parametrize("size", [size for size in SIZES if size != (1, 1)])
@pytest.mark.parametrize(("low", "high"), [(2.0, 98.0), (0.0, 100.0), (10.0, 60.0)])
def test_stretch_is_skimages_rescale_intensity(size: tuple[int, int], low: float, high: float) -> None:
    image = scene(*size)
    in_range = tuple(np.percentile(image, (low, high)))
    result = adjusted(image, method="stretch", low_percentile=low, high_percentile=high)
    expected = exposure.rescale_intensity(image, in_range=in_range)
    # x/span*255 on a whole number may be cut down to the next level by float64 rounding, hence 1.
    assert gray_level_difference(result, expected) <= 1
    assert (result != expected).mean() < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_a_constant_image_stays_constant(method: str, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 80, np.uint8)
    result = adjusted(image, method=method)
    if method == "clahe":
        # Like OpenCV, which knows no exception for tiles of one level.
        expected = by_opencv(image, cv2.createCLAHE(2.0, (8, 8)).apply)
        assert gray_level_difference(result, expected) <= 2
    else:
        np.testing.assert_array_equal(result, image)


def test_stretch_does_not_erase_a_ship_on_an_even_sea() -> None:
    image = np.full((100, 100, 3), 60, np.uint8)
    image[50:52, 50:55] = 200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert exposure.rescale_intensity(image, in_range=(60.0, 60.0)).max() == 60
    np.testing.assert_array_equal(adjusted(image, method="stretch"), image)


def test_equalize_spreads_luma_over_all_gray_levels_and_keeps_the_order_of_luma() -> None:
    # Gray, since a channel that saturates would pull the luma of coloured pixels off its target.
    image = np.repeat(scene(96, 160)[..., :1], 3, -1)
    before, after = luma(image).numpy().ravel(), luma(adjusted(image, method="equalize")).numpy().ravel()
    assert (after.min(), after.max()) == (0, 255)
    in_order = before.argsort(kind="stable")
    assert (np.diff(after[in_order]) >= 0).all()


def test_none_gives_the_very_same_pixels() -> None:
    image = scene(67, 121)
    np.testing.assert_array_equal(adjusted(image, method="none"), image)


@pytest.mark.parametrize("method", METHODS)
def test_one_graph_serves_all_sizes_with_the_same_result(method: str) -> None:
    settings = ContrastSettings(method=method)  # type: ignore[arg-type]
    graph = tf.function(
        lambda pixels: apply_contrast(pixels, settings),
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
        autograph=False,
    )
    for size in SIZES:
        image = scene(*size)
        np.testing.assert_array_equal(graph(tf.constant(image)).numpy(), adjusted(image, method=method))


def test_settings_name_the_percentiles_that_do_not_fit() -> None:
    with pytest.raises(ValidationError, match="low_percentile must be under high_percentile = 50"):
        ContrastSettings(low_percentile=60, high_percentile=50)
