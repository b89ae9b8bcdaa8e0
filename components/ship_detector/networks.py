"""Loading what the trainers left behind."""

import json
import posixpath
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.errors import InputError
from components.training.candidate import HISTORY_FILE, MODEL_FILE


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


def classifier_input_px(classifier: keras.Model, folder: str) -> int:
    """Edge of the images that a classifier was trained on.

    Args:
        classifier: the loaded network; its input may leave the size open.
        folder: the trainer's folder, whose `history.json` states `settings.input_px`.

    Raises:
        InputError: neither the network nor the history tells.
    """
    height = classifier.input_shape[1]
    if height is not None:
        return int(height)
    path = posixpath.join(folder, HISTORY_FILE)
    if not tf.io.gfile.exists(path):
        raise InputError(f"the classifier takes any size, and no {path} says on which it was trained")
    with tf.io.gfile.GFile(path) as file:
        history: dict[str, Any] = json.load(file)
    try:
        return int(history["settings"]["input_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected a whole number settings.input_px in {path}") from error
