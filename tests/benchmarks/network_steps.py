"""What a training step of each network takes and needs: `python -m benchmarks.network_steps`.

By the trainers' own `fit`, on crops that wait in memory, on whatever Keras' backend finds to compute on
(`KERAS_BACKEND=jax` for JAX). Each network is trained in a process of its own, as the peak of the memory is
that of a process.

Memory is what the device's allocator has handed out at most, 0 where the backend does not tell (CPUs). The
input pipeline is left out; it has a benchmark of its own, `benchmarks.input_pipeline`.
"""

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.report import Row, save, show
from components.training.settings import ClassifierSettings, SegmenterSettings

_SEGMENTERS: dict[str, dict[str, Any]] = {
    "plain U-Net": {"architecture": "plain"},
    "plain U-Net, batch norm": {"architecture": "plain", "batch_norm": True},
    "pretrained U-Net, encoder frozen": {"architecture": "pretrained", "frozen": True},
    "pretrained U-Net, encoder tuned": {"architecture": "pretrained", "frozen": False},
}
_CLASSIFIERS: dict[str, dict[str, Any]] = {
    "classifier, encoder frozen": {"architecture": "pretrained", "frozen": True},
    "classifier, encoder tuned": {"architecture": "pretrained", "frozen": False},
}
_NETWORKS = (*_SEGMENTERS, *_CLASSIFIERS)
# More batches would be the same ones to a device.
_BATCHES = 4


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Time and memory of a training step, by network.")
    parser.add_argument(
        "--networks", nargs="+", choices=_NETWORKS, metavar="NAME", default=_NETWORKS, help="default: all"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[8], help="crops a step; default 8")
    parser.add_argument("--precisions", nargs="+", default=["float32"], help="default float32")
    parser.add_argument("--crop", type=int, default=256, help="edge of a crop in px; default 256")
    parser.add_argument("--steps", type=int, default=20, help="steps a round; default 20")
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the warm-up; default 5")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.networks:
        for precision in arguments.precisions:
            for batch in arguments.batches:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
                    settings = settings_of(name, precision, batch, arguments)
                    row = apart.submit(measure, name, settings, arguments.steps).result()
                rows.append(row)
    show(f"Training steps, crops of {arguments.crop} px, {rows[0]['on']}", rows)
    save(arguments.output, {"crop px": arguments.crop, "steps": rows})


def settings_of(
    name: str, precision: str, batch: int, arguments: argparse.Namespace
) -> SegmenterSettings | ClassifierSettings:
    """Settings of a training of as many epochs as there are rounds, and one to warm up."""
    variant = dict((_SEGMENTERS | _CLASSIFIERS)[name])
    steps = arguments.steps * (arguments.rounds + 1)
    kind = SegmenterSettings if name in _SEGMENTERS else ClassifierSettings
    return kind(
        precision=precision,
        batch_size=batch,
        crop_px=arguments.crop,
        steps=steps,
        steps_per_epoch=arguments.steps,
        frozen_steps=steps if variant.pop("frozen", False) else 0,
        patience=steps,
        max_minutes=24 * 60,
        **variant,
    )


def measure(name: str, settings: SegmenterSettings | ClassifierSettings, steps: int) -> Row:
    """Train; milliseconds a step, median over all epochs (of `steps`) but the first, and peak MB."""
    # Read when the backends are loaded. Memory that is reserved in advance could not be told from used one.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import keras
    import tensorflow as tf

    from components.training.classifier import cells_of, presence_loss
    from components.training.devices import accelerators, training_devices
    from components.training.fitting import fit
    from components.training.losses import LOSSES
    from components.training.networks.registry import CLASSIFIERS, SEGMENTERS

    batch, crop_px = settings.batch_size, settings.crop_px
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (_BATCHES, batch, crop_px, crop_px, 3)).astype(np.float32)
    masks = (random.random((_BATCHES, batch, crop_px, crop_px, 1)) > 0.99).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((images, masks)).repeat().prefetch(2)
    if isinstance(settings, ClassifierSettings):
        batches = batches.map(lambda image, mask: (image, cells_of(mask)))
    started = time.perf_counter()
    ended: list[float] = []

    def evaluate(_: keras.Model) -> dict[str, float]:
        ended.append(time.perf_counter())
        return {"score": 0.0, "loss": 0.0}

    with training_devices(name, settings):
        if isinstance(settings, SegmenterSettings):
            network, loss = SEGMENTERS[settings.architecture](settings), LOSSES[settings.loss]
        else:
            network, loss = CLASSIFIERS[settings.architecture](settings), presence_loss
        fit(name, network, lambda _: batches, loss=loss, evaluate=evaluate, settings=settings)
    ms = float(median(np.diff(ended))) / steps * 1000
    return {
        "network": name,
        "precision": settings.precision,
        "batch": batch,
        "ms a step": ms,
        "crops/s": batch / ms * 1000,
        "peak MB": _peak_mb(),
        "s to the end of the first round": ended[0] - started,
        "weights": network.count_params(),
        "on": f"{', '.join(accelerators()) or 'CPU'}, Keras on {keras.backend.backend()}",
    }


def _peak_mb() -> float:
    import keras

    from components.training.devices import accelerators

    if not accelerators():
        return 0.0
    if keras.backend.backend() == "jax":
        import jax

        return float((jax.local_devices()[0].memory_stats() or {})["peak_bytes_in_use"]) / 2**20
    import tensorflow as tf

    return float(tf.config.experimental.get_memory_info(accelerators()[0])["peak"]) / 2**20


if __name__ == "__main__":
    main()
