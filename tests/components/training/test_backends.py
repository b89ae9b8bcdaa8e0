"""Networks and losses are plain Keras 3: they run on JAX, too."""

import os
import subprocess
import sys

import pytest

# In a process of its own, since Keras reads its backend once.
STEPS = """
import sys
import keras
import numpy as np
from components.training.losses import LOSSES
from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
from components.training.settings import ClassifierSettings, SegmenterSettings

assert keras.backend.backend() == "jax"
images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
masks = (images[..., :1] > 200).astype("float32")
cells = np.zeros((2, 4, 4, 1), "float32")


def step(network, loss, targets):
    network.compile(keras.optimizers.SGD(1e-3), loss, jit_compile=False)
    before = [np.array(weight) for weight in network.trainable_weights]
    value = float(np.asarray(network.train_on_batch(images, targets)))
    assert np.isfinite(value), loss
    after = [np.array(weight) for weight in network.trainable_weights]
    assert any(not np.array_equal(*pair) for pair in zip(before, after)), loss


if sys.argv[1] == "losses":
    for name, loss in LOSSES.items():
        image = keras.Input((None, None, 3))
        step(keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image / 255)), loss, masks)
elif sys.argv[1] == "segmenters":
    for name in SEGMENTERS:
        step(SEGMENTERS[name](SegmenterSettings(architecture=name)), LOSSES["dice_bce"], masks)
else:
    for name in CLASSIFIERS:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        step(CLASSIFIERS[name](ClassifierSettings(architecture=name)), loss, cells)
print("stepped")
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["losses", "segmenters", "classifiers"])
def test_a_step_on_jax(what: str) -> None:
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-c", STEPS, what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("stepped\n"), done.stderr[-2000:]
