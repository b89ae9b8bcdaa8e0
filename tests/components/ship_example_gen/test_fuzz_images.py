"""Any damage to an image file is a finding: `decode` neither raises nor hangs nor lets broken pixels pass."""

import math
import time
import warnings
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.ship_example_gen.decoding import decode
from components.ship_example_gen.quality import measure_rgb

# Far above what decoding the largest accepted picture takes.
_PATIENCE_S = 20


def _picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    waves = 90 + 40 * np.sin(x / 5) + 30 * np.sin(y / 9)
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    return Image.fromarray((waves[..., None] + noise).clip(0, 255).astype(np.uint8))


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


_PICTURE = _picture(120, 88)
JPEGS = [
    _file(_PICTURE, "JPEG", quality=95),
    _file(_PICTURE, "JPEG", quality=30, subsampling="4:4:4", optimize=True),
    _file(_PICTURE, "JPEG", quality=80, progressive=True),
    _file(_PICTURE, "JPEG", quality=80, restart_marker_rows=2),
    _file(_PICTURE.convert("L"), "JPEG"),
    _file(_PICTURE.convert("CMYK"), "JPEG"),
    _file(_PICTURE, "JPEG", exif=Image.Exif().tobytes(), icc_profile=bytes(300), comment=b"x" * 40),
]
PNGS = [
    _file(_PICTURE, "PNG"),
    _file(_PICTURE.convert("RGBA"), "PNG"),
    _file(_PICTURE.convert("P"), "PNG"),
    _file(Image.fromarray(np.asarray(_PICTURE.convert("L")).astype(np.uint16) * 200), "PNG"),
    _file(_PICTURE.convert("1"), "PNG"),
]
GIFS_AND_BMPS = [
    _file(_PICTURE.convert("P"), "GIF"),
    _file(_PICTURE, "GIF", save_all=True, append_images=[_picture(120, 88).rotate(180)]),
    _file(_PICTURE, "BMP"),
    _file(_PICTURE.convert("L"), "BMP"),
    _file(_PICTURE.convert("RGBA"), "BMP"),
]
# Those that TensorFlow cannot decode.
OTHERS = [
    _file(_PICTURE, "TIFF"),
    _file(_PICTURE, "TIFF", compression="tiff_lzw"),
    _file(_PICTURE, "TIFF", compression="jpeg"),
    _file(_PICTURE, "TIFF", compression="tiff_deflate"),
    _file(Image.fromarray(np.asarray(_PICTURE.convert("L")).astype(np.float32)), "TIFF"),
    _file(_PICTURE.convert("1"), "BMP"),
    _file(_PICTURE, "WEBP"),
    _file(_PICTURE, "JPEG2000"),
]

_PLACE = st.floats(0, 1) | st.floats(0, 0.08)
_EDIT = st.one_of(
    st.tuples(st.just("flip"), _PLACE, st.integers(0, 7)),
    st.tuples(st.just("overwrite"), _PLACE, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("insert"), _PLACE, st.binary(min_size=1, max_size=40)),
    # Markers, and sizes as headers hold them.
    st.tuples(st.just("overwrite"), _PLACE, st.integers(0, 255).map(lambda code: bytes([0xFF, code]))),
    st.tuples(
        st.just("overwrite"), _PLACE, st.sampled_from([b"\0\0", b"\xff\xff", b"\x7f\xff\xff\xff", b"\0\1"])
    ),
    st.tuples(st.just("cut"), _PLACE, st.integers(1, 2000)),
    st.tuples(st.just("repeat"), _PLACE, st.integers(1, 2000)),
    st.tuples(st.just("end"), _PLACE, st.just(0)),
    st.tuples(st.just("splice"), _PLACE, st.sampled_from([*JPEGS, *PNGS, *GIFS_AND_BMPS, *OTHERS])),
)


def _damage(image: bytes, edits: list[tuple]) -> bytes:
    for kind, place, what in edits:
        at = int(place * len(image))
        before, after = image[:at], image[at:]
        if kind == "flip" and after:
            image = before + bytes([after[0] ^ 1 << what]) + after[1:]
        elif kind == "overwrite":
            image = before + what + after[len(what) :]
        elif kind == "insert":
            image = before + what + after
        elif kind == "cut":
            image = before + after[what:]
        elif kind == "repeat":
            image = before + after[:what] * 2 + after[what:]
        elif kind == "end":
            image = before
        elif kind == "splice":
            image = before + what[at:]
    return image


def _damaged(files: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(_damage, st.sampled_from(files), st.lists(_EDIT, min_size=1, max_size=4))


def _check(image: bytes) -> None:
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decoded = decode(image)
    assert time.monotonic() - started < _PATIENCE_S
    if decoded.rgb is None:
        assert (decoded.height, decoded.width, decoded.channels) == (0, 0, 0)
        return
    assert decoded.rgb.dtype == np.uint8
    assert decoded.rgb.shape == (decoded.height, decoded.width, 3)
    assert decoded.channels >= 1
    if decoded.rgb.size < 1 << 24:
        assert all(map(math.isfinite, measure_rgb(decoded.rgb).values()))
    seen = tf.io.decode_image(image, channels=3, expand_animations=False)
    assert seen.shape.as_list() == [decoded.height, decoded.width, 3]
    if decoded.format == "JPEG":
        exact = tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_ACCURATE")
        np.testing.assert_array_equal(decoded.rgb, exact)


@settings(deadline=None)
@given(_damaged(JPEGS))
def test_damaged_jpegs(image):
    _check(image)


@settings(deadline=None)
@given(_damaged(PNGS))
def test_damaged_pngs(image):
    _check(image)


@settings(deadline=None)
@given(_damaged(GIFS_AND_BMPS))
def test_damaged_gifs_and_bmps(image):
    _check(image)


@settings(deadline=None)
@given(_damaged(OTHERS) | st.binary(max_size=300))
def test_damaged_files_of_other_formats(image):
    _check(image)


@pytest.mark.parametrize("image", [*JPEGS, *PNGS, *GIFS_AND_BMPS])
def test_the_files_themselves_are_whole(image):
    assert decode(image).rgb is not None
    _check(image)


@pytest.mark.parametrize("image", OTHERS)
def test_what_tensorflow_cannot_decode_is_not_passed_on_to_it(image):
    assert decode(image).reason


def test_a_jpeg_of_endless_scans_is_refused_at_once():
    header = _file(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    at = header.rindex(b"\xff\xda")
    scan = header[at : header.rindex(b"\xff\xd9")]
    started = time.monotonic()
    assert decode(header[:at] + scan * 300 + b"\xff\xd9").rgb is None
    assert time.monotonic() - started < 1
