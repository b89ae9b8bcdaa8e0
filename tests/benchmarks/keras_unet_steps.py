"""Training steps of our plain U-Net, a process of `benchmarks.training_step`.

What is timed are epochs of the trainers' own `fit`, whose look at the eval split waits for the next round.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Command line; what is told to standard output and when is said in `benchmarks.training_step`."""
    parser = argparse.ArgumentParser(description="Training steps of our plain U-Net, when asked for.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    arguments = parser.parse_args()
    # Both before TensorFlow is loaded: it sizes its pools by the one, and the other is what `ships run` sets.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    step_when_asked(arguments.folder, arguments.steps, arguments.rounds)


def step_when_asked(folder: Path, steps: int, rounds: int) -> None:
    """Train `rounds` times `steps` steps, each time a line comes, on the batches in `folder`."""
    import keras
    import tensorflow as tf

    from components.training.devices import training_devices
    from components.training.fitting import fit
    from components.training.losses import LOSSES
    from components.training.networks.registry import SEGMENTERS
    from components.training.settings import SegmenterSettings

    images, masks = (np.load(folder / f"{part}.npy").astype(np.float32) for part in ("images", "masks"))
    settings = SegmenterSettings(
        architecture="plain",
        loss="dice_bce",
        batch_size=images.shape[1],
        steps=steps * rounds,
        steps_per_epoch=steps,
        patience=rounds,
        max_minutes=24 * 60,
    )
    loss = LOSSES[settings.loss]
    keras.utils.set_random_seed(settings.seed)
    with training_devices("Segmenter", settings):
        model = SEGMENTERS[settings.architecture](settings)
        np.savez(folder / "weights.npz", *model.get_weights())
        logits = model.predict_on_batch(images[0])
        np.save(folder / "ours.npy", logits)
        _tell(
            parameters=model.count_params(),
            loss=float(loss(masks[0], logits)),
            version=f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        )
        clock = _Clock(rounds)
        # From memory, as the twin has them: the input pipeline has a benchmark of its own.
        batches = tf.data.Dataset.from_tensor_slices((images, masks)).repeat().prefetch(2)
        clock.wait()
        fit("Segmenter", model, lambda _: batches, loss=loss, evaluate=clock.evaluate, settings=settings)


class _Clock:
    """Stands in for the look at the eval split: tells what the epoch took and waits for the next round."""

    def __init__(self, rounds: int) -> None:
        self._left = rounds
        self._started = self._cpu_started = 0.0

    def wait(self) -> None:
        sys.stdin.readline()
        self._left -= 1
        self._started, self._cpu_started = time.perf_counter(), time.process_time()

    def evaluate(self, _: Any) -> dict[str, float]:
        seconds, cpu_seconds = time.perf_counter() - self._started, time.process_time() - self._cpu_started
        _tell(seconds=seconds, cpu_seconds=cpu_seconds)
        if self._left:
            self.wait()
        return {"score": 0.0, "loss": 0.0}


def _tell(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
