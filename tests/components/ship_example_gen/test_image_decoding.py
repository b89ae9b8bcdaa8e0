import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.ship_example_gen import decoding
from components.ship_example_gen.decoding import Decoded, decode

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
NO_IMAGE = Decoded("", 0, None)
# Tag of EXIF.
ORIENTATION = 0x0112


def test_whole_jpeg():
    decoded = decode(JPEG)
    assert (decoded.format, decoded.channels, decoded.height, decoded.width) == ("JPEG", 3, 256, 256)
    assert decoded.rgb is not None and np.abs(decoded.rgb.astype(int) - TILE).mean() < 5


@pytest.mark.parametrize(
    "junk", [b"", b"\xff\xd8\xff", b"version https://git-lfs.github.com/spec/v1\n", bytes(5000)]
)
def test_no_image(junk):
    assert decode(junk) == NO_IMAGE


@pytest.mark.parametrize("image", [JPEG, PNG])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_file_has_no_pixels(image, kept):
    decoded = decode(image[: int(kept * len(image))])
    assert (decoded.rgb, decoded.channels, decoded.height, decoded.width) == (None, 0, 0, 0)


def test_bomb_is_refused_before_it_is_unpacked():
    header = bytearray(_file(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = (100_000).to_bytes(4) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(bytes(header)).rgb is None
    # Below Pillow's own limit, above ours.
    assert decode(_file(Image.new("1", (9000, 9000)), "PNG")).rgb is None


@pytest.mark.parametrize(
    ("image", "kind", "channels"),
    [
        (Image.fromarray(TILE[..., 0]), "JPEG", 1),
        (Image.fromarray(TILE).convert("CMYK"), "JPEG", 4),
        (Image.fromarray(TILE).convert("RGBA"), "PNG", 4),
        (Image.fromarray(TILE).convert("P"), "PNG", 1),
        (Image.fromarray(TILE[..., 0].astype(np.uint16) * 200), "PNG", 1),
        (Image.fromarray(TILE), "GIF", 1),
        (Image.fromarray(TILE), "BMP", 3),
    ],
)
def test_format_and_channels_are_told_as_stored(image, kind, channels):
    decoded = decode(_file(image, kind))
    assert decoded.rgb is not None
    assert (decoded.format, decoded.channels) == (kind, channels)
    assert _tensorflow_decodes(_file(image, kind))


@pytest.mark.parametrize(
    ("image", "kind", "reason"),
    [
        (Image.fromarray(TILE), "TIFF", "TIFF is none of JPEG, PNG, GIF, BMP"),
        (Image.fromarray(TILE), "WEBP", "WEBP is none of JPEG, PNG, GIF, BMP"),
        (Image.fromarray(TILE), "JPEG2000", "JPEG2000 is none of JPEG, PNG, GIF, BMP"),
        (Image.fromarray(TILE).convert("1"), "BMP", "a BMP of a kind that TensorFlow does not read"),
        (Image.fromarray(TILE).convert("P"), "BMP", "a BMP of a kind that TensorFlow does not read"),
    ],
)
def test_what_training_and_serving_cannot_decode_has_no_pixels(image, kind, reason):
    assert decode(_file(image, kind)) == Decoded(kind, 0, None, reason=reason)


def test_an_animation_of_endless_frames_is_refused(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXEL_SCANS", TILE[..., 0].size)
    assert _decodes(_file(TILE, "GIF"))
    endless = _file(TILE, "GIF", save_all=True, append_images=[Image.fromarray(TILE[::-1])])
    assert decode(endless) == Decoded("GIF", 0, None)


def test_second_picture_behind_a_jpeg_does_not_change_its_format():
    both = _file(
        Image.fromarray(TILE), "MPO", save_all=True, append_images=[Image.fromarray(TILE[::-1].copy())]
    )
    assert decode(both).format == "JPEG"


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_pixels_of_a_jpeg_are_those_of_tensorflow(subsampling, options):
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    image = _file(TILE[:99, :35], "JPEG", quality=80, subsampling=subsampling, exif=turned, **options)
    exact = tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(decode(image).rgb, exact)


def test_ordinary_images_are_decoded_and_measured_without_tensorflow(tmp_path):
    (tmp_path / "tile.jpg").write_bytes(JPEG)
    program = (
        "import sys; from pathlib import Path; from components.ship_example_gen.measuring import *;"
        "from components.ship_example_gen.settings import IngestionSettings;"
        "image_bytes = Path(sys.argv[1]).read_bytes();"
        "measured = Measure('', IngestionSettings())(LabelledImage('', '', ()), image_bytes);"
        "assert measured.is_decodable; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "tile.jpg")], check=True)


def test_what_stands_between_scan_and_end_is_judged_as_by_tensorflow():
    """OpenCV does not look there; an unknown marker is no JPEG to TensorFlow."""
    for between in (
        b"\xff\x52",
        b"\xff\xd9",
        b"\xff\xfe\x00\x04ab",
        b"\xff\xfe\xff\xff",
        b"\xff\xc0\x00\x02",
        b"junk",
    ):
        image = JPEG[:-2] + between + b"\xff\xd9"
        assert _decodes(image) == _tensorflow_decodes(image), between


def _decodes(image: bytes) -> bool:
    return decode(image).rgb is not None


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
    assert _decodes(cut) == _tensorflow_decodes(cut)


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 8, 12, 13, 16])
@pytest.mark.parametrize("image", [JPEG, PNG])
def test_a_missing_end_is_never_passed_on_to_a_decoder_that_refuses_it(image, lost):
    assert _decodes(image[:-lost]) <= _tensorflow_decodes(image[:-lost])


def test_flipped_png_bits_are_judged_as_by_tensorflow():
    for position in np.linspace(8, len(PNG) - 1, 60, dtype=int):
        damaged = bytearray(PNG)
        damaged[position] ^= 0x10
        assert _decodes(bytes(damaged)) <= _tensorflow_decodes(bytes(damaged)), position


@pytest.mark.skipif(not SHARED.exists(), reason=f"no real images under {SHARED}")
def test_real_bad_files():
    found = {path.name: decode(path.read_bytes()) for path in (SHARED / "bad").glob("*.*g")}
    found |= {path.name: decode(path.read_bytes()) for path in (SHARED / "bad").glob("*.tif")}
    assert found["000155de5_truncated.jpg"].rgb is None
    assert found["lfs_pointer.png"] == NO_IMAGE
    assert (found["000367c13.jpg"].height, found["000367c13.jpg"].width) == (572, 1182)
    assert found["busan_rgba.png"].channels == 4
    tif = found["heavyclouds_16bit.tif"]
    assert (tif.format, tif.rgb) == ("TIFF", None)
