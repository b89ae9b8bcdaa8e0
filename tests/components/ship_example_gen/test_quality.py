from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from components.ship_example_gen.decoding import decode
from components.ship_example_gen.quality import SCALARS, jpeg_quality, measure, measure_rgb

RNG = np.random.default_rng(7)


def _tile(size: int = 256) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    waves = 40 + 12 * np.sin(columns / 5) + 6 * np.sin(rows / 9)
    return (waves[..., None] + [0, 10, 20] + RNG.normal(0, 4, (size, size, 3))).clip(0, 255).astype(np.uint8)


TILE = _tile()


def _jpeg(rgb: np.ndarray, quality: int) -> bytes:
    file = BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _smooth(size: int = 256) -> np.ndarray:
    """Soft waves, red with more contrast than blue, on a blue ground."""
    waves = cv2.GaussianBlur(RNG.normal(0, 60, (size, size)), (0, 0), 3)
    return (waves[..., None] * [1.5, 1, 0.7] + [60, 80, 100]).clip(0, 255).astype(np.uint8)


def test_all_measures_are_taken():
    assert tuple(measure(decode(_jpeg(TILE, 90)))) == SCALARS


def test_nothing_is_measured_of_what_cannot_be_decoded():
    assert measure(decode(b"no image")) == {}


def test_plain_colours():
    black, grey, white = (measure_rgb(np.full((64, 64, 3), level, np.uint8)) for level in (0, 128, 255))
    assert (black["luma_mean"], black["dark_fraction"], black["entropy"]) == (0, 1, 0)
    assert (grey["luma_mean"], grey["luma_std"], grey["sharpness"]) == (128, 0, 0)
    assert (white["saturated_fraction"], white["cloud_fraction"], white["luma_p01"]) == (1, 1, 255)


def test_luma_statistics_agree_with_numpy():
    found = measure_rgb(TILE)
    luma = np.rint(TILE @ [0.299, 0.587, 0.114])
    assert found["luma_mean"] == pytest.approx(luma.mean(), abs=0.05)
    assert found["luma_std"] == pytest.approx(luma.std(), abs=0.05)
    assert found["luma_p01"] == pytest.approx(np.percentile(luma, 1), abs=1)
    assert found["luma_p99"] == pytest.approx(np.percentile(luma, 99), abs=1)


def test_entropy_of_two_equal_halves_is_one_bit():
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:32] = 200
    assert measure_rgb(halves)["entropy"] == pytest.approx(1)


def test_sharpness_falls_with_blur():
    blurred = np.asarray(Image.fromarray(TILE).resize((64, 64)).resize((256, 256)))
    assert measure_rgb(blurred)["sharpness"] < 0.2 * measure_rgb(TILE)["sharpness"]


def test_cloud_is_bright_white_and_smooth():
    soft = np.linspace(180, 240, 256)[:, None, None] + np.zeros((256, 256, 3))
    sand = soft * [1.0, 0.8, 0.55]
    roofs = np.kron(RNG.choice([60, 255], (32, 32, 1)), np.ones((8, 8, 3)))
    assert measure_rgb(soft.astype(np.uint8))["cloud_fraction"] > 0.95
    assert measure_rgb(sand.astype(np.uint8))["cloud_fraction"] == 0
    assert measure_rgb(roofs.astype(np.uint8))["cloud_fraction"] < 0.1
    assert measure_rgb(TILE)["cloud_fraction"] == 0


@pytest.mark.parametrize("quality", [20, 30, 49, 50, 75, 90, 95, 99])
def test_jpeg_quality_is_the_one_that_the_file_was_saved_with(quality):
    assert measure(decode(_jpeg(TILE, quality)))["jpeg_quality"] == pytest.approx(quality, abs=0.5)


def test_a_file_without_quantization_lost_nothing():
    file = BytesIO()
    Image.fromarray(TILE).save(file, "PNG")
    assert measure(decode(file.getvalue()))["jpeg_quality"] == jpeg_quality(()) == 100


def test_noise_ratio_of_white_noise_is_known_and_falls_with_its_share():
    noise = RNG.normal(0, 20, (256, 256, 1))
    smooth = _smooth()
    full, some, none = (
        measure_rgb((smooth + strength * noise).clip(0, 255).astype(np.uint8))["noise_ratio"]
        for strength in (1.0, 0.1, 0.0)
    )
    assert full == pytest.approx(36 / 20, abs=0.08)
    assert full > some > none
    assert none < 1


def test_relative_sharpness_is_that_of_the_definition():
    found = measure_rgb(TILE)
    luma = cv2.cvtColor(TILE, cv2.COLOR_RGB2GRAY).astype(float)
    padded = np.pad(luma, 1, "reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * luma
    assert found["sharpness"] == pytest.approx(laplacian.var(), rel=1e-3)
    assert found["relative_sharpness"] == pytest.approx(laplacian.var() / (luma.std() + 5), rel=1e-3)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_void_is_the_share_without_content(level, share):
    broken = TILE.copy()
    broken[: int(share * 256)] = level
    assert measure_rgb(broken)["void_fraction"] == pytest.approx(share, abs=0.04)
    assert measure_rgb(TILE)["void_fraction"] == 0


def test_calm_water_of_equal_pixels_is_no_void():
    calm = np.full((256, 256, 3), 6, np.uint8)
    calm[:, 128:] = (6 + (RNG.random((256, 128, 1)) < 0.3)).astype(np.uint8)
    assert measure_rgb(calm)["void_fraction"] == 0


def test_chroma_is_the_mean_distance_from_grey():
    rgb = np.full((64, 64, 3), [30, 60, 90], np.uint8)
    assert measure_rgb(rgb)["chroma"] == pytest.approx(20)
    assert measure_rgb(rgb[..., :1].repeat(3, 2))["chroma"] == 0


@pytest.mark.parametrize("band", [0, 1, 2])
def test_balance_falls_without_a_band(band):
    lost = _smooth()
    lost[..., band] = 0
    assert measure_rgb(lost)["band_balance"] == 0
    assert measure_rgb(_smooth())["band_balance"] > 0.5


def test_exchanged_bands_turn_the_sign_of_their_order():
    rgb = _smooth()
    right, wrong = measure_rgb(rgb)["band_order"], measure_rgb(rgb[..., ::-1].copy())["band_order"]
    assert right > 0.3
    assert wrong == pytest.approx(-right, abs=0.05)


def test_seam_is_found_on_the_rows_of_jpeg_units_only():
    def shifted(row: int) -> float:
        rgb = _smooth()
        rgb[row:] = np.roll(rgb[row:], 80, axis=1)
        return measure_rgb(rgb)["row_seam"]

    assert measure_rgb(_smooth())["row_seam"] < 0.15
    assert shifted(128) > 0.5
    assert shifted(132) < 0.15


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (17, 17), (18, 23)])
def test_tiny_and_odd_pictures_are_measured_too(size):
    values = measure_rgb(RNG.integers(0, 256, (*size, 3)).astype(np.uint8))
    assert np.isfinite(list(values.values())).all()


@pytest.mark.parametrize("size", [(17, 40), (18, 23), (33, 16), (64, 64)])
def test_seam_agrees_with_its_definition(size):
    rgb = RNG.integers(0, 256, (*size, 3)).astype(np.uint8)
    steps = np.abs(np.diff(rgb.astype(int), axis=0)).mean(axis=(1, 2))
    # Steps from row to row: the one across a boundary and those just above and below it.
    places = range(15, size[0] - 2, 16)
    excess = [
        (steps[row] - around) / (around + 8)
        for row in places
        for around in [(steps[row - 1] + steps[row + 1]) / 2]
    ]
    assert measure_rgb(rgb)["row_seam"] == pytest.approx(max(excess, default=0.0))


def test_bands_are_measured_by_their_definitions():
    rgb = _smooth()
    found = measure_rgb(rgb)
    # Blocks of 8 px are halved three times; the roundings on the way are below a level.
    red, green, blue = np.moveaxis(rgb.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3)), 2, 0)
    brightest = [np.quantile(band, 0.99) for band in (red, green, blue)]
    dark = (total := red + green + blue) <= np.quantile(total, 0.25)
    blueness = (blue[dark].mean() - red[dark].mean()) / (blue[dark].mean() + red[dark].mean() + 1)
    assert found["band_balance"] == pytest.approx(min(brightest) / max(brightest), abs=0.02)
    assert found["band_order"] == pytest.approx(
        blueness + np.log((red.std() + 1) / (blue.std() + 1)), abs=0.02
    )
