"""Streaming the eval split through the detector's networks, for tuning."""

from collections.abc import Iterable, Iterator

import tensorflow as tf

from components.ship_detector.detector import ShipDetector
from components.ship_detector.signatures import labelled_image
from components.ship_detector.thresholds import ImageCounts, count_pixels


def count_images(detector: ShipDetector, examples: Iterable[bytes]) -> Iterator[ImageCounts]:
    """Pixel counts of each Example, one image in memory at a time.

    Args:
        detector: its networks, contrast, tiling and test-time augmentation; its thresholds do not matter.
        examples: serialized raw tf.Examples with `image` and `encoded_pixels`.

    Raises:
        tf.errors.InvalidArgumentError: undecodable image, or rows that do not fit it.
    """

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def look(example: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, truth = labelled_image(detector, example)
        seen = detector.look(image)
        return seen.cells, seen.pixels, truth

    for example in examples:
        yield count_pixels(*(layer.numpy() for layer in look(tf.constant(example))))
