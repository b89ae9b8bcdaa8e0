"""The ship detector: image bytes in, ship probability and mask out, as one TensorFlow module."""

from dataclasses import asdict
from typing import Any, NamedTuple

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
        ship_probability: float32 scalar, the classifier's; without one, that of the likeliest pixel.
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
        classifier_px: edge to which images are area-resized for the classifier, 0 if there is none.
        cascade: whether the classifier silences images.
        mask_threshold, min_ship_pixels, classifier_threshold: variables of the SavedModel, see Thresholds.
    """

    def __init__(
        self,
        classifier: keras.Model | None,
        classifier_px: int,
        segmenter: keras.Model,
        contrast: ContrastSettings,
        settings: DetectorSettings,
    ) -> None:
        """Join two trained networks; thresholds start as the settings state them.

        Args:
            classifier: logits [N, 1] of float32 [N, classifier_px, classifier_px, 3] RGB in 0-255; None only
                if the settings ask for no cascade.
            classifier_px: edge to which images are resized for it; 0 without one.
            segmenter: logits [N, H, W, 1] of float32 [N, H, W, 3] RGB in 0-255, H and W any multiples of 32,
                or of another stride (see segmenter_stride_px).
            contrast: the adjustment that both were trained with.
            settings: tiling, test-time augmentation, cascade, untuned thresholds.

        Raises:
            InputError: a network's input or output has another shape, or the cascade lacks its classifier.
        """
        super().__init__(name="ship_detector")
        if classifier is not None:
            _check_classifier(classifier, classifier_px)
        elif settings.cascade:
            raise InputError("detector.cascade is on, but there is no classifier")
        stride_px = segmenter_stride_px(segmenter)
        self.classifier_px = classifier_px
        self.cascade = settings.cascade
        self._contrast = contrast
        networks = [segmenter] if classifier is None else [classifier, segmenter]
        self._variables = [variable.value for network in networks for variable in network.variables]

        self.mask_threshold = tf.Variable(settings.mask_threshold, False, dtype=tf.float32)
        self.min_ship_pixels = tf.Variable(settings.min_ship_pixels, False, dtype=tf.int32)
        self.classifier_threshold = tf.Variable(settings.classifier_threshold, False, dtype=tf.float32)

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

        self._classify: Any = None if classifier is None else _classify_with(classifier, classifier_px)
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

    def look(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What both networks say of an image from `read`, before any threshold.

        Returns:
            Probability that the image has ships, float32 scalar, 0-1 (see Detection), and the segmenter's
            probability of ship for each pixel, float32 [H, W], 0-1.
        """
        probabilities = self._segment(image)
        if self._classify is None:
            return tf.reduce_max(probabilities), probabilities
        return self._ship_probability(image), probabilities

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
        if not self.cascade:
            probability, probabilities = self.look(image)
            return Detection(probability, self.hard_mask(probabilities))
        probability = self._ship_probability(image)
        mask = tf.cond(
            self.lets_through(probability),
            lambda: self.hard_mask(self._segment(image)),
            lambda: tf.zeros(tf.shape(image)[:2], tf.uint8),
        )
        return Detection(probability, mask)

    def _ship_probability(self, image: tf.Tensor) -> tf.Tensor:
        small = tf.cast(shrink(image, self.classifier_px), tf.float32)
        return tf.sigmoid(self._classify(small[tf.newaxis]))[0, 0]


def _classify_with(classifier: keras.Model, px: int) -> Any:
    """A function rather than the network, which as an attribute would be saved as a Keras object."""

    @tf.function(input_signature=[tf.TensorSpec([None, px, px, 3], tf.float32)], autograph=False)
    def classify(batch: tf.Tensor) -> tf.Tensor:
        return classifier(batch, training=False)

    return classify


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
        # A map that is pooled to nothing is an InvalidArgumentError to plain kernels, an AbortedError to oneDNN.
        except (ValueError, tf.errors.OpError):
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
