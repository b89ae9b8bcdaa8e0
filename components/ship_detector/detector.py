"""The ship detector: image bytes in, ship probability and mask out, as one TensorFlow module."""

from dataclasses import asdict
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from components.errors import InputError
from components.masks.ships_graph import ships
from components.ship_detector.settings import DetectorSettings
from components.ship_detector.thresholds import Thresholds
from components.ship_detector.tiling import highest_logit, ship_probabilities
from components.training.settings import ENCODER_STRIDE_PX
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
        cascade: whether the classifier silences images.
        mask_threshold, ship_threshold, min_ship_pixels, classifier_threshold: variables of the SavedModel,
            see Thresholds.
    """

    def __init__(
        self,
        classifier: keras.Model | None,
        segmenter: keras.Model,
        contrast: ContrastSettings,
        settings: DetectorSettings,
    ) -> None:
        """Join two trained networks; thresholds start as the settings state them.

        Args:
            classifier: logits [N, h, w, 1], one for each cell of float32 [N, H, W, 3] RGB in 0-255, H and W
                any multiples of 32; None only if the settings ask for no cascade.
            segmenter: logits [N, H, W, 1] of float32 [N, H, W, 3] RGB in 0-255, H and W any multiples of 32,
                or of another stride (see segmenter_stride_px).
            contrast: the adjustment that both were trained with.
            settings: tiling, test-time augmentation, cascade, untuned thresholds.

        Raises:
            InputError: a network's input or output has another shape, or the cascade lacks its classifier.
        """
        super().__init__(name="ship_detector")
        if classifier is not None:
            _check_classifier(classifier)
        elif settings.cascade:
            raise InputError("detector.cascade is on, but there is no classifier")
        stride_px = segmenter_stride_px(segmenter)
        self.cascade = settings.cascade
        self._contrast = contrast
        networks = [segmenter] if classifier is None else [classifier, segmenter]
        self._variables = [variable.value for network in networks for variable in network.variables]

        self.mask_threshold = tf.Variable(settings.mask_threshold, False, dtype=tf.float32)
        self.ship_threshold = tf.Variable(settings.ship_threshold, False, dtype=tf.float32)
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

        # Functions rather than networks, which as attributes would be saved as Keras objects.
        self._segment = segment
        self._classify: Any = None if classifier is None else _classify_with(classifier, settings)

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds in force (read outside of graphs)."""
        return Thresholds(
            # Seven digits are float32's; more would be the noise of its conversion.
            mask_threshold=float(f"{self.mask_threshold.numpy():.7g}"),
            ship_threshold=float(f"{self.ship_threshold.numpy():.7g}"),
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
        return self._classify(image), probabilities

    def hard_mask(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Mask (uint8 [H, W], 0 or 1) of pixel probabilities by the thresholds, see Thresholds."""
        found = ships(probabilities >= self.mask_threshold)
        of_pixels = tf.gather_nd(probabilities, found.pixels)
        certainty = tf.math.unsorted_segment_mean(of_pixels, found.ship, found.count)
        area_px = tf.math.unsorted_segment_sum(tf.ones_like(found.ship), found.ship, found.count)
        kept = (certainty >= self.ship_threshold) & (area_px >= self.min_ship_pixels)
        pixels = tf.cast(tf.gather(kept, found.ship), tf.uint8)
        return tf.scatter_nd(found.pixels, pixels, tf.shape(probabilities, tf.int64))

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
        probability = self._classify(image)
        mask = tf.cond(
            self.lets_through(probability),
            lambda: self.hard_mask(self._segment(image)),
            lambda: tf.zeros(tf.shape(image)[:2], tf.uint8),
        )
        return Detection(probability, mask)


def _classify_with(classifier: keras.Model, settings: DetectorSettings) -> Any:
    """Graph function from uint8 [H, W, 3] to the probability of its likeliest cell, float32 scalar."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
    def classify(image: tf.Tensor) -> tf.Tensor:
        highest = highest_logit(
            lambda batch: classifier(batch, training=False),
            image,
            tile_px=settings.tile_px,
            overlap_px=settings.overlap_px,
            stride_px=ENCODER_STRIDE_PX,
        )
        return tf.sigmoid(highest)

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
        # A map pooled to nothing is an InvalidArgumentError to plain kernels, an AbortedError to oneDNN.
        except (ValueError, tf.errors.OpError):
            continue
        if tuple(shape) == (1, stride_px, stride_px, 1):
            return stride_px
    raise InputError(
        f"expected a segmenter with a logit for each pixel of images of edge {list(_STRIDES_PX)} px (any one)"
    )


def _check_classifier(classifier: keras.Model) -> None:
    if tuple(classifier.input_shape) != (None, None, None, 3):
        raise InputError(
            f"expected a classifier of input (None, None, None, 3), got {classifier.input_shape}"
        )
    if len(classifier.output_shape) != 4 or classifier.output_shape[-1] != 1:
        raise InputError(f"expected a classifier with a logit for each cell, got {classifier.output_shape}")
