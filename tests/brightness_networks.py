"""Tiny networks whose answer one can tell by eye: what is bright is ship."""

from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.masks import rle

SEA, SHIP = 40, 220


def segmenter(kernel_px: int = 1, stride_px: int = 1, fade: bool = False) -> keras.Model:
    """Logit (mean of the channels over a neighbourhood - 130) / 10; drawn to 0 at the edges if `fade`."""
    image = keras.Input((None, None, 3))
    weights = np.full((kernel_px, kernel_px, 3, 1), 0.1 / (3 * kernel_px**2), np.float32)
    convolution = keras.layers.Conv2D(1, kernel_px, padding="same")
    x = convolution(image)
    convolution.set_weights([weights, np.array([-13.0], np.float32)])
    if stride_px > 1:
        x = keras.layers.AveragePooling2D(stride_px)(x)
        x = keras.layers.UpSampling2D(stride_px)(x)
    if fade:
        # Zero padding spoils logits near the edges, as in any network: seams if tiles were cut hard.
        x = keras.layers.ZeroPadding2D(15)(x)
        x = keras.layers.AveragePooling2D((31, 1), strides=1)(x)
        x = keras.layers.AveragePooling2D((1, 31), strides=1)(x)
    return keras.Model(image, x)


def classifier() -> keras.Model:
    """Logit of each cell of 16 px: (its brightest pixel - 130) / 10."""
    image = keras.Input((None, None, 3))
    dense = keras.layers.Dense(1)
    output = dense(keras.layers.MaxPooling2D(16)(image))
    dense.set_weights([np.array([[0.1], [0.0], [0.0]], np.float32), np.array([-13.0], np.float32)])
    return keras.Model(image, output)


def scene(height: int, width: int, *ships: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """Dark sea with bright boxes (top, left, height, width): uint8 [height, width, 3]."""
    image = np.full((height, width, 3), SEA, np.uint8)
    for top, left, down, across in ships:
        image[top : top + down, left : left + across] = SHIP
    return image


def encoded(image: npt.NDArray[np.uint8], suffix: str = ".png") -> bytes:
    stored, buffer = cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image)
    if not stored:
        raise ValueError(f"cannot encode {image.shape} as {suffix}")
    return buffer.tobytes()


def example(image: bytes, masks: list[npt.NDArray[np.uint8]], **features: Any) -> bytes:
    """Serialized raw Example."""
    rows = [rle.encode(mask).encode() for mask in masks]
    record = tf.train.Example()
    record.features.feature["image"].bytes_list.value.append(image)
    record.features.feature["encoded_pixels"].bytes_list.value.extend(rows)
    record.features.feature["ship_count"].int64_list.value.append(len(rows))
    for name, value in features.items():
        record.features.feature[name].bytes_list.value.append(value)
    serialized: bytes = record.SerializeToString()
    return serialized
