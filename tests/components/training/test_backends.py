"""Networks, losses and training are plain Keras 3: they run on JAX, too."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
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


def _environment(backend: str) -> dict[str, str]:
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("what", ["losses", "segmenters", "classifiers"])
def test_a_step_on_jax(what: str) -> None:
    command = [sys.executable, "-c", STEPS, what]
    done = subprocess.run(command, env=_environment("jax"), capture_output=True, text=True, check=False)
    assert done.stdout.endswith("stepped\n"), done.stderr[-2000:]


# A course with all that changes on its way: a warm-up, a falling rate, two epochs and a look after each.
FIT = """
import sys
import keras
import numpy as np
import tensorflow as tf
from components.training.fitting import fit
from components.training.losses import bce
from components.training.settings import ScheduleSettings

random = np.random.default_rng(0)
images = random.random((6, 2, 8, 8, 3), np.float32)
masks = (images[..., :1] > 0.5).astype(np.float32)
image = keras.Input((None, None, 3))
x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(image))
network = keras.Model(image, keras.layers.Conv2D(1, 1)(x))
network.set_weights([random.random(weight.shape, np.float32) for weight in network.get_weights()])
looks = []


def evaluate(network):
    looks.append(float(np.mean(network.predict_on_batch(images[0]))))
    return {"score": float(len(looks)), "loss": 0.0}


settings = ScheduleSettings(steps=6, steps_per_epoch=3, warm_up_steps=2, learning_rate=0.01)
batches = tf.data.Dataset.from_tensor_slices((images, masks)).repeat()
fit("test", network, lambda _: batches, loss=bce, evaluate=evaluate, settings=settings)
np.savez(sys.argv[1], looks, *network.get_weights())
"""


@pytest.mark.slow
def test_a_course_on_jax_ends_where_tensorflow_ends(tmp_path: Path) -> None:
    ends = {}
    for backend in ("jax", "tensorflow"):
        file = tmp_path / f"{backend}.npz"
        subprocess.run([sys.executable, "-c", FIT, file], env=_environment(backend), check=True)
        with np.load(file) as arrays:
            ends[backend] = [arrays[name] for name in arrays.files]
    for on_jax, on_tensorflow in zip(*ends.values(), strict=True):
        np.testing.assert_allclose(on_jax, on_tensorflow, rtol=1e-3)
