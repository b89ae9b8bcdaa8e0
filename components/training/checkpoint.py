"""The state of an unfinished training, so that a killed one goes on from its last whole epoch."""

import contextlib
import hashlib
import json
import logging
import posixpath
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

LOGGER = logging.getLogger("ships.training")

Arrays = Sequence[NDArray[Any]]
_PROGRESS = "progress"


@dataclass(frozen=True)
class State:
    """All that a training needs to go on.

    Attributes:
        progress: numbers and texts, fit for JSON.
        arrays: weights and the like, by name.
    """

    progress: dict[str, Any]
    arrays: dict[str, Arrays]


class Checkpoint:
    """One file of a stage, replaced as a whole after each epoch.

    A file of another training of the same stage is removed by the first save: only the latest unfinished
    training can be resumed.
    """

    def __init__(self, folder: str, stage: str, identity: object) -> None:
        """Nothing is read or written yet.

        Args:
            folder: on any filesystem that TensorFlow can write.
            stage: name of the stage.
            identity: what a training must have in common with a killed one to go on from it (settings,
                examples, code), fit for JSON.
        """
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self._folder, self._stage = folder, stage
        self.path = posixpath.join(folder, f"{stage}-{digest}.npz")

    def save(self, state: State) -> None:
        """Replace the file."""
        tf.io.gfile.makedirs(self._folder)
        named = {
            f"{name}/{index}": array
            for name, arrays in state.arrays.items()
            for index, array in enumerate(arrays)
        }
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / "state.npz"
            # Type checkers take the keywords for numpy's own options.
            np.savez(local, **{_PROGRESS: np.array(json.dumps(state.progress)), **named})  # type: ignore[arg-type]
            # Renamed into place: whoever kills this process leaves a whole file, the former or the new one.
            tf.io.gfile.copy(str(local), f"{self.path}.part", overwrite=True)
        tf.io.gfile.rename(f"{self.path}.part", self.path, overwrite=True)
        for other in tf.io.gfile.glob(posixpath.join(self._folder, f"{self._stage}-*.npz*")):
            if posixpath.basename(other) != posixpath.basename(self.path):
                # Another run under the same root may have been faster.
                with contextlib.suppress(tf.errors.NotFoundError):
                    tf.io.gfile.remove(other)

    def load(self) -> State | None:
        """The state, None if there is none; a file that cannot be read counts as none, with a warning."""
        if not tf.io.gfile.exists(self.path):
            return None
        try:
            with tf.io.gfile.GFile(self.path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays: dict[str, list[NDArray[Any]]] = {}
                for key in stored.files:
                    if key != _PROGRESS:
                        arrays.setdefault(key.partition("/")[0], []).append(stored[key])
                return State(json.loads(str(stored[_PROGRESS])), dict(arrays))
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, tf.errors.OpError) as error:
            LOGGER.warning("%s: the checkpoint %s cannot be read (%s)", self._stage, self.path, error)
            return None

    def remove(self) -> None:
        """The training has ended."""
        if tf.io.gfile.exists(self.path):
            tf.io.gfile.remove(self.path)
