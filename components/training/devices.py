"""What a trainer computes on: whatever accelerators Keras' backend sees, and in which precision."""

import contextlib
import logging
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.training.settings import ScheduleSettings

LOGGER = logging.getLogger("ships.training")

# From Volta on, half precision is faster than single precision (Keras' guide to mixed precision).
_TENSOR_CORES = (7, 0)


@contextlib.contextmanager
def training_devices(stage: str, settings: ScheduleSettings) -> Iterator[None]:
    """Build and fit networks within: on all GPUs, each with its share of the batch, or else on the CPU.

    With Keras on JAX, on one GPU. On the CPU what is trained within repeats itself to the last bit.

    Args:
        stage: name for the log.
        settings: `precision`, and the `batch_size` that the GPUs share.
    """
    gpus = accelerators()
    precision = _half_precision_if_fast(gpus) if settings.precision == "auto" else settings.precision
    # With one device or none the default strategy saves the copies that mirroring keeps.
    mirrored = len(gpus) > 1 and keras.backend.backend() == "tensorflow"
    strategy = tf.distribute.MirroredStrategy(gpus) if mirrored else tf.distribute.get_strategy()
    LOGGER.info("%s trains on %s in %s", stage, ", ".join(gpus) or "the CPU", precision)
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with strategy.scope(), _sums_in_one_order():
            yield
    finally:
        keras.config.set_dtype_policy(usual)


@contextlib.contextmanager
def _sums_in_one_order() -> Iterator[None]:
    """Without TensorFlow's dependency optimizer (Grappler), also where "deterministic ops" are asked for.

    With it (TF 2.16) one step of the same batch through a tuned encoder of the same weights came out in two
    ways, by chance, 3e-8 apart, and of two trainings with one seed the weights were 1e-4 apart after 60
    steps. Without it they are equal, and as fast.
    """
    options = tf.config.optimizer
    options.set_experimental_options({"dependency_optimization": False})
    try:
        yield
    finally:
        options.set_experimental_options({"dependency_optimization": True})


def accelerators() -> list[str]:
    """Names of the GPUs that Keras' backend sees, such as "GPU:0"."""
    if keras.backend.backend() != "tensorflow":
        names = (name.upper() for name in keras.distribution.list_devices())
        return [name for name in names if not name.startswith("CPU")]
    return [gpu.name.removeprefix("/device:") for gpu in tf.config.list_logical_devices("GPU")]


def predict_image(model: keras.Model, image: NDArray[np.uint8], stride_px: int) -> NDArray[np.float32]:
    """Logits float32 [h, w, 1] of uint8 [H, W, 3], padded with black to multiples of `stride_px`.

    The model may be mirrored on several devices.
    """
    height, width, _ = image.shape
    padding = [(0, -height % stride_px), (0, -width % stride_px), (0, 0)]
    batch = np.pad(image, padding)[np.newaxis].astype(np.float32)
    # Every replica answers the whole batch, one after the other.
    logits: NDArray[np.float32] = np.asarray(model.predict_on_batch(batch), np.float32)[0]
    return logits


def _half_precision_if_fast(gpus: Sequence[str]) -> str:
    if not gpus or keras.backend.backend() != "tensorflow":
        return "float32"
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    fast = all(detail.get("compute_capability", (0, 0)) >= _TENSOR_CORES for detail in details)
    return "mixed_float16" if fast else "float32"
