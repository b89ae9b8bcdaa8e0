"""Loading what the trainers left behind."""

import posixpath
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

import components.training.networks.unet  # noqa: F401 - registers the layers that saved networks name
from components.errors import InputError
from components.training.candidate import MODEL_FILE


def load_network(folder: str) -> keras.Model:
    """Load the trained network of a trainer's folder (on any filesystem that TensorFlow can read).

    Raises:
        InputError: there is none.
    """
    path = posixpath.join(folder, MODEL_FILE)
    if not tf.io.gfile.exists(path):
        raise InputError(f"no trained network at {path}")
    with tempfile.TemporaryDirectory() as scratch:
        local = str(Path(scratch) / MODEL_FILE)
        tf.io.gfile.copy(path, local)
        # The optimizer's state and the loss are of no use here.
        return keras.saving.load_model(local, compile=False)
