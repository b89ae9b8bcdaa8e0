import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.ship_example_gen.quality import SCALARS, Quality, measure, measure_rgb

RNG = np.random.default_rng(7)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def _tile(size: int = 256) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    waves = 40 + 12 * np.sin(columns / 5) + 6 * np.sin(rows / 9)
    return (waves[..., None] + [0, 10, 20] + RNG.normal(0, 4, (size, size, 3))).clip(0, 255).astype(np.uint8)


def _file(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


TILE = _tile()
JPEG = _file(TILE, "JPEG", quality=95)
PNG = _file(TILE, "PNG")
UNDECODABLE = Quality(0, 0, 0, 0, "", {})


def test_whole_jpeg():
    quality = measure(JPEG)
    assert (quality.decode_ok, quality.height, quality.width, quality.channels) == (1, 256, 256, 3)
    assert quality.format == "JPEG"
    assert tuple(quality.scalars) == SCALARS


@pytest.mark.parametrize(
    "junk", [b"", b"\xff\xd8\xff", b"version https://git-lfs.github.com/spec/v1\n", bytes(5000)]
)
def test_no_image(junk):
    assert measure(junk) == UNDECODABLE


@pytest.mark.parametrize("image", [JPEG, PNG])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_file_has_no_measures(image, kept):
    quality = measure(image[: int(kept * len(image))])
    assert quality.decode_ok == 0
    assert (quality.height, quality.width, quality.scalars) == (0, 0, {})


def test_bomb_is_refused_before_it_is_unpacked():
    header = bytearray(_file(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = (100_000).to_bytes(4) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure(bytes(header)).decode_ok == 0
    # Below Pillow's own limit, above ours.
    assert measure(_file(Image.new("1", (9000, 9000)), "PNG")).decode_ok == 0


@pytest.mark.parametrize(
    ("image", "kind", "channels"),
    [
        (Image.fromarray(TILE[..., 0]), "JPEG", 1),
        (Image.fromarray(TILE).convert("CMYK"), "JPEG", 4),
        (Image.fromarray(TILE).convert("RGBA"), "PNG", 4),
        (Image.fromarray(TILE).convert("P"), "PNG", 1),
        (Image.fromarray(TILE[..., 0].astype(np.uint16) * 200), "PNG", 1),
        (Image.fromarray(TILE[..., 0].astype(np.uint16) * 200), "TIFF", 1),
        (Image.fromarray(TILE), "TIFF", 3),
        (Image.fromarray(TILE), "WEBP", 3),
        (Image.fromarray(TILE), "GIF", 1),
        (Image.fromarray(TILE), "BMP", 3),
    ],
)
def test_format_and_channels_are_told_as_stored(image, kind, channels):
    quality = measure(_file(image, kind))
    assert (quality.decode_ok, quality.format, quality.channels) == (1, kind, channels)


def test_second_picture_behind_a_jpeg_does_not_change_its_format():
    both = _file(
        Image.fromarray(TILE), "MPO", save_all=True, append_images=[Image.fromarray(TILE[::-1].copy())]
    )
    assert measure(both).format == "JPEG"


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


def _tensorflow_decodes(image: bytes) -> bool:
    try:
        tf.io.decode_image(image, channels=3, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(image=st.sampled_from([JPEG, PNG]), kept=st.floats(0.0, 1.0))
def test_truncation_is_judged_as_by_tensorflow(image, kept):
    cut = image[: int(kept * len(image))]
    assert measure(cut).decode_ok == _tensorflow_decodes(cut)


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 8, 12, 13, 16])
@pytest.mark.parametrize("image", [JPEG, PNG])
def test_a_missing_end_is_never_passed_on_to_a_decoder_that_refuses_it(image, lost):
    assert measure(image[:-lost]).decode_ok <= _tensorflow_decodes(image[:-lost])


def test_flipped_png_bits_are_judged_as_by_tensorflow():
    for position in np.linspace(8, len(PNG) - 1, 60, dtype=int):
        damaged = bytearray(PNG)
        damaged[position] ^= 0x10
        assert measure(bytes(damaged)).decode_ok <= _tensorflow_decodes(bytes(damaged)), position


@pytest.mark.skipif(not SHARED.exists(), reason=f"no real images under {SHARED}")
def test_real_bad_files():
    found = {path.name: measure(path.read_bytes()) for path in (SHARED / "bad").glob("*.*g")}
    found |= {path.name: measure(path.read_bytes()) for path in (SHARED / "bad").glob("*.tif")}
    assert found["000155de5_truncated.jpg"].decode_ok == 0
    assert found["lfs_pointer.png"] == UNDECODABLE
    assert (found["000367c13.jpg"].height, found["000367c13.jpg"].width) == (572, 1182)
    assert found["busan_rgba.png"].channels == 4
    tif = found["heavyclouds_16bit.tif"]
    assert (tif.decode_ok, tif.format, tif.channels) == (1, "TIFF", 1)
