"""One version of a model in memory: loaded, tried, asked."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from pipeline.serving.faults import Fault, RequestError

IMAGE_INPUT = "image_bytes"
DEFAULT_SIGNATURE = "serving_default"
MASK_SIGNATURE = "mask"

Outputs = dict[str, npt.NDArray[Any]]


class UnusableModelError(Exception):
    """A folder that holds no model which could be served; the message says why."""


class LoadedModel:
    """A SavedModel whose signatures take a batch of image files.

    Others (the detector's `evaluate` takes tf.Examples) are not served: what they hold could not be checked.

    Attributes:
        version: number of the version.
        signature_defs: the served signatures as the file states them, for metadata.
    """

    def __init__(self, folder: Path, version: int) -> None:
        """Load from `folder`.

        Raises:
            UnusableModelError: it cannot be loaded, or no signature takes a batch of images as `image_bytes`.
        """
        self.version = version
        try:
            self._model: Any = tf.saved_model.load(str(folder))
            self.signature_defs = _image_signatures(folder)
            self._signatures = {name: self._model.signatures[name] for name in self.signature_defs}
        # TensorFlow answers broken files with whatever breaks first: OpError, KeyError, DecodeError, ...
        except Exception as error:
            raise UnusableModelError(f"cannot be loaded: {_first_line(error)}") from error
        if DEFAULT_SIGNATURE not in self.signature_defs:
            raise UnusableModelError(f"has no signature {DEFAULT_SIGNATURE} with the one input {IMAGE_INPUT}")

    def warm_up(self, image: bytes) -> None:
        """Answer one image with each signature, the segmenter included, and look at what comes.

        The first call allocates, traces and chooses kernels: ten times the time of later ones.

        Args:
            image: an ordinary image file.

        Raises:
            UnusableModelError: a signature fails, or answers other than one finite row for one image.
        """
        # Else a cascade whose classifier sees no ship here would leave the slow part cold.
        gate = getattr(self._model, "classifier_threshold", None)
        usual = None if gate is None else gate.numpy()
        for threshold in (usual,) if usual is None else (np.float32(-1), usual):
            if gate is not None:
                gate.assign(threshold)
            for name in self.signature_defs:
                self._try(name, image)

    def _try(self, name: str, image: bytes) -> None:
        try:
            outputs = self.predict(name, [image])
        except Exception as error:
            raise UnusableModelError(f"fails on an ordinary image ({name}): {_first_line(error)}") from error
        for output, values in outputs.items():
            finite = values.dtype.kind != "f" or np.isfinite(values).all()
            if len(values) != 1 or not finite:
                raise UnusableModelError(f"answers one image with {output} = {values!r} ({name})")

    def check_signature(self, name: str) -> None:
        """Raises RequestError unless there is a served signature of this name."""
        if name not in self.signature_defs:
            offered = ", ".join(sorted(self.signature_defs))
            raise RequestError(
                Fault.INVALID, f'Serving signature key "{name[:80]}" not found; served are: {offered}'
            )

    def predict(self, signature: str, images: Sequence[bytes]) -> Outputs:
        """Answer a batch of image files (already checked).

        Returns:
            by output name: an array [N, ...]; strings are bytes objects.

        Raises:
            tf.errors.OpError: the model fails, for one as for all; mostly an image that cannot be decoded.
        """
        answer: Mapping[str, tf.Tensor] = self._signatures[signature](
            image_bytes=tf.constant(list(images), tf.string, [len(images)])
        )
        return {name: tensor.numpy() for name, tensor in answer.items()}


def release(models: list[LoadedModel]) -> None:
    """Give memory back: graph functions refer to each other in circles, which only the collector opens."""
    models.clear()
    gc.collect()


def _image_signatures(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return {
        name: definition
        for name, definition in saved.meta_graphs[0].signature_def.items()
        if list(definition.inputs) == [IMAGE_INPUT]
        and definition.inputs[IMAGE_INPUT].dtype == tf.string.as_datatype_enum
        and [dim.size for dim in definition.inputs[IMAGE_INPUT].tensor_shape.dim] == [-1]
    }


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
