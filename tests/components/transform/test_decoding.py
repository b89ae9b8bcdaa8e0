import cv2
import numpy as np
import pytest
import tensorflow as tf

from components.transform.decoding import decode_rgb


def encoded(image: np.ndarray, suffix: str) -> bytes:
    stored, buffer = cv2.imencode(suffix, image)
    assert stored
    return buffer.tobytes()


GRADIENT = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))


def test_gray_images_get_three_equal_channels() -> None:
    np.testing.assert_array_equal(
        decode_rgb(encoded(GRADIENT, ".png")).numpy(), np.repeat(GRADIENT[..., None], 3, -1)
    )


def test_alpha_is_dropped() -> None:
    bgra = np.dstack([GRADIENT, GRADIENT // 2, GRADIENT // 3, np.full_like(GRADIENT, 7)])
    np.testing.assert_array_equal(decode_rgb(encoded(bgra, ".png")).numpy(), bgra[..., 2::-1])


def test_sixteen_bit_pngs_are_brought_to_eight() -> None:
    wide = GRADIENT.astype(np.uint16) * 257
    np.testing.assert_array_equal(decode_rgb(encoded(wide, ".png")).numpy()[..., 0], GRADIENT)


def test_jpegs_are_decoded_close_to_opencvs_result() -> None:
    content = encoded(np.repeat(GRADIENT[..., None], 3, -1), ".jpg")
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decode_rgb(content).numpy().astype(int) - expected).max() <= 2


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1"])
def test_bytes_that_are_no_image_raise(content: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(content)


def test_a_truncated_jpeg_raises() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = encoded(noise, ".jpg")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(content[: len(content) // 2])
