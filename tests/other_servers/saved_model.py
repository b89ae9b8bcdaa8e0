"""The pushed SavedModel as anyone would call it, with TensorFlow and nothing of this project."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from other_servers.exchange import INPUT, OUTPUTS


class DamagedImageError(Exception):
    """One of the images cannot be decoded."""


class SavedDetector:
    """Its default signature."""

    def __init__(self, folder: Path) -> None:
        self._loaded: Any = tf.saved_model.load(str(folder))
        self._serve = self._loaded.signatures["serving_default"]

    def __call__(self, images: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name, arrays [N]; strings as bytes objects.

        Raises:
            DamagedImageError: see there.
        """
        try:
            answer = self._serve(**{INPUT: tf.constant(list(images), tf.string)})
        except tf.errors.InvalidArgumentError as error:
            raise DamagedImageError("an image cannot be decoded") from error
        return {name: np.asarray(answer[name].numpy()) for name in OUTPUTS}
