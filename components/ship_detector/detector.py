"""The ship detector: image bytes in, ship probability and mask out, as one TensorFlow module."""

from dataclasses import asdict
from typing import NamedTuple

import keras
import tensorflow as tf

from components.errors import InputError
from components.ship_detector.settings import DetectorSettings
from components.ship_detector.thresholds import Thresholds
from components.ship_detector.tiling import ship_probabilities
from components.training.whole_images import shrink
from components.transform.contrast import apply_contrast
from components.transform.decoding import decode_rgb
from components.transform.settings import ContrastSettings

# 32: networks that halve their input five times. The others: four times, after pooling it by 3, 4, ... 8.
_STRIDES_PX = (32, 48, 64, 80, 96, 112, 128)


class Detection(NamedTuple):
    """What the detector finds on one image.

    Attributes:
        ship_probability: float32 scalar, the classifier's.
        mask: uint8 [H, W] in the image's size, 1 on ships; all 0 where the cascade silences the image.
    """

    ship_probability: tf.Tensor
    mask: tf.Tensor


class ShipDetector(tf.Module):
    """Classifier, segmenter, contrast and thresholds, joined.

    The methods build graph code for one image; `signatures.signatures` wraps them for batches of bytes. The
    contrast is adjusted before both networks, as in training. Only the networks' variables are tracked, so
    that a SavedModel of the detector needs no Keras to be loaded.

    Attributes:
        classifier_px: edge to which images are area-resized for the classifier.
        cascade: whether the classifier silences images.
        mask_threshold, min_ship_pixels, classifier_threshold: variables of the SavedModel, see Thresholds.
    """

    def __init__(
        self,
        classifier: keras.Model,
        classifier_px: int,
        segmenter: keras.Model,
        contrast: ContrastSettings,
        settings: DetectorSettings,
    ) -> None:
        """Join two trained networks; thresholds start as the settings state them.

        Args:
            classifier: logits [N, 1] of float32 [N, classifier_px, classifier_px, 3] RGB in 0-255.
            classifier_px: edge to which images are resized for it.
            segmenter: logits [N, H, W, 1] of float32 [N, H, W, 3] RGB in 0-255, H and W any multiples of 32,
                or of another stride (see segmenter_stride_px).
            contrast: the adjustment that both were trained with.
            settings: tiling, test-time augmentation, cascade, untuned thresholds.

        Raises:
            InputError: a network's input or output has another shape.
        """
        super().__init__(name="ship_detector")
        _check_classifier(classifier, classifier_px)
        stride_px = segmenter_stride_px(segmenter)
        self.classifier_px = classifier_px
        self.cascade = settings.cascade
        self._contrast = contrast
        self._variables = [variable.value for variable in (*classifier.variables, *segmenter.variables)]

        self.mask_threshold = tf.Variable(settings.mask_threshold, False, dtype=tf.float32)
        self.min_ship_pixels = tf.Variable(settings.min_ship_pixels, False, dtype=tf.int32)
        self.classifier_threshold = tf.Variable(settings.classifier_threshold, False, dtype=tf.float32)

        def classify(batch: tf.Tensor) -> tf.Tensor:
            return classifier(batch, training=False)

        # A function of its own, so that the three signatures share one copy of the network's graph.
        @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
        def segment(image: tf.Tensor) -> tf.Tensor:
            return ship_probabilities(
                lambda batch: segmenter(batch, training=False),
                image,
                tile_px=settings.tile_px,
                overlap_px=settings.overlap_px,
                view_count=settings.test_time_augmentation,
                stride_px=stride_px,
            )

        self._classify = classify
        self._segment = segment

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds in force (read outside of graphs)."""
        return Thresholds(
            # Seven digits are float32's; more would be the noise of its conversion.
            mask_threshold=float(f"{self.mask_threshold.numpy():.7g}"),
            min_ship_pixels=int(self.min_ship_pixels.numpy()),
            classifier_threshold=float(f"{self.classifier_threshold.numpy():.7g}"),
        )

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Put other thresholds in force."""
        for name, value in asdict(thresholds).items():
            getattr(self, name).assign(value)

    def read(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Decode image bytes (string scalar) and adjust the contrast: uint8 [H, W, 3] RGB.

        Raises:
            tf.errors.InvalidArgumentError: the bytes are no whole JPEG, PNG, GIF or BMP.
        """
        return apply_contrast(decode_rgb(image_bytes), self._contrast)

    def ship_probability(self, image: tf.Tensor) -> tf.Tensor:
        """Classifier's probability (float32 scalar, 0-1) that an image, as `read` gives it, has ships."""
        small = tf.cast(shrink(image, self.classifier_px), tf.float32)
        return tf.sigmoid(self._classify(small[tf.newaxis]))[0, 0]

    def ship_probabilities(self, image: tf.Tensor) -> tf.Tensor:
        """Segmenter's probability of ship (float32 [H, W], 0-1) for each pixel of an image from `read`."""
        return self._segment(image)

    def hard_mask(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Mask (uint8 [H, W], 0 or 1) of pixel probabilities by mask_threshold and min_ship_pixels."""
        mask = tf.cast(probabilities >= self.mask_threshold, tf.uint8)
        enough = tf.reduce_sum(tf.cast(mask, tf.int32)) >= self.min_ship_pixels
        return mask * tf.cast(enough, tf.uint8)

    def lets_through(self, ship_probability: tf.Tensor) -> tf.Tensor:
        """Whether an image of this ship probability may have a mask (bool scalar)."""
        if not self.cascade:
            return tf.constant(True)
        return ship_probability >= self.classifier_threshold

    def detect(self, image_bytes: tf.Tensor) -> Detection:
        """Find ships on one image; the segmenter is skipped where the classifier silences it.

        Args:
            image_bytes: string scalar, see `read`.
        """
        image = self.read(image_bytes)
        probability = self.ship_probability(image)
        mask = tf.cond(
            self.lets_through(probability),
            lambda: self.hard_mask(self.ship_probabilities(image)),
            lambda: tf.zeros(tf.shape(image)[:2], tf.uint8),
        )
        return Detection(probability, mask)


def segmenter_stride_px(segmenter: keras.Model) -> int:
    """Edges of images that a segmenter takes are multiples of this (32, or more if it pools its input).

    Found by trying it on small black images: skips and upsampled maps only fit each other at whole strides.

    Raises:
        InputError: it is no network from RGB images of any size to one logit a pixel.
    """
    if tuple(segmenter.input_shape) != (None, None, None, 3):
        raise InputError(f"expected a segmenter of input (None, None, None, 3), got {segmenter.input_shape}")
    for stride_px in _STRIDES_PX:
        try:
            shape = segmenter(tf.zeros([1, stride_px, stride_px, 3]), training=False).shape
        except (ValueError, tf.errors.InvalidArgumentError):
            continue
        if tuple(shape) == (1, stride_px, stride_px, 1):
            return stride_px
    raise InputError(
        f"expected a segmenter with a logit for each pixel of images of edge {list(_STRIDES_PX)} px (any one)"
    )


def _check_classifier(classifier: keras.Model, px: int) -> None:
    batch, height, width, channels = classifier.input_shape
    if channels != 3 or height not in (None, px) or width not in (None, px):
        raise InputError(f"expected a classifier of {px} px RGB images, got input {classifier.input_shape}")
    if tuple(classifier.output_shape) != (batch, 1):
        raise InputError(f"expected a classifier of output (None, 1), got {classifier.output_shape}")
