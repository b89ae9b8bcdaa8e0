"""From checked images to the model's answer: what all protocols have in common."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from pipeline.serving.faults import Fault, RequestError
from pipeline.serving.images import check_images, undecodable
from pipeline.serving.metrics import Metrics
from pipeline.serving.model import DEFAULT_SIGNATURE, Outputs
from pipeline.serving.options import Limits
from pipeline.serving.versions import Versions


@dataclass(frozen=True)
class Prediction:
    """Answer to one request.

    Attributes:
        outputs: by name, an array [N, ...] for N images.
        version: which version answered.
        signature: which of its signatures.
        model_seconds: time in the model.
    """

    outputs: Outputs
    version: int
    signature: str
    model_seconds: float


class Predictor:
    """Answers images by the served version; blocking, thread-safe."""

    def __init__(self, versions: Versions, limits: Limits, metrics: Metrics) -> None:
        self.versions = versions
        self.limits = limits
        self._metrics = metrics

    def check_name(self, name: str, version: int | None = None) -> None:
        """Raises RequestError (NOT_FOUND) unless the model is called this."""
        if name != self.versions.name:
            asked = f"Latest({name[:80]})" if version is None else f"Specific({name[:80]}, {version})"
            raise RequestError(
                Fault.NOT_FOUND, f"Servable not found for request: {asked}; served is {self.versions.name}"
            )

    def predict(
        self, images: Sequence[bytes], *, signature: str = "", version: int | None = None
    ) -> Prediction:
        """Answer a batch.

        Args:
            images: image files.
            signature: "" for the default.
            version: None for the served one.

        Raises:
            RequestError: no such version or signature, or images that are not taken; a damaged image is named
                by its index, and no other gets an answer.
        """
        signature = signature or DEFAULT_SIGNATURE
        with self.versions.lease(version) as model:
            model.check_signature(signature)
            check_images(images, self.limits)
            begun = time.monotonic()
            try:
                outputs = model.predict(signature, images)
            except tf.errors.InvalidArgumentError as error:
                raise undecodable(images) or error from error
            seconds = time.monotonic() - begun
            answered = model.version
        self._metrics.model_seconds.observe(seconds)
        self._metrics.images.inc(len(images))
        return Prediction(outputs, answered, signature, seconds)
