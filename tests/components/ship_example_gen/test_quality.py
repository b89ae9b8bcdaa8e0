import numpy as np
import pytest
from PIL import Image

from components.ship_example_gen.quality import SCALARS, measure_rgb

RNG = np.random.default_rng(7)


def _tile(size: int = 256) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    waves = 40 + 12 * np.sin(columns / 5) + 6 * np.sin(rows / 9)
    return (waves[..., None] + [0, 10, 20] + RNG.normal(0, 4, (size, size, 3))).clip(0, 255).astype(np.uint8)


TILE = _tile()


def test_all_measures_are_taken():
    assert tuple(measure_rgb(TILE)) == SCALARS


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
