"""The ship detector: image bytes in, ship probability and mask out, as one TensorFlow module."""

from dataclasses import asdict
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from components.errors import InputError
from components.masks.ships_graph import ships
from components.ship_detector.settings import DetectorSettings
from components.ship_detector.thresholds import Thresholds
from components.ship_detector.tiling import ship_probabilities
from components.training.settings import CELL_PX, ENCODER_STRIDE_PX
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


class Look(NamedTuple):
    """What the networks say of an image, before any threshold.

    Attributes:
        ship_probability: float32 scalar, see Detection.
        cells: float32 [ceil(H / 16), ceil(W / 16)], the classifier's probability of a piece of a ship in each
            cell of 16 px, 0-1; without a classifier, all 1.
        pixels: float32 [H, W], the segmenter's probability of ship, 0-1.
    """

    ship_probability: tf.Tensor
    cells: tf.Tensor
    pixels: tf.Tensor


class ShipDetector(tf.Module):
    """Classifier, segmenter, contrast and thresholds, joined.

    The methods build graph code for one image; `signatures.signatures` wraps them for batches of bytes. The
    contrast is adjusted before both networks, as in training. Only the networks' variables are tracked, so
    that a SavedModel of the detector needs no Keras to be loaded.

    Attributes:
        cascade: whether the classifier drops what the segmenter alone takes for ships.
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
            classifier: a logit for each cell, [N, H / 16, W / 16, 1], of float32 [N, H, W, 3] RGB in 0-255, H
                and W any multiples of 32; None only if the settings ask for no cascade.
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

        self._segment = _tiled(segmenter, settings, stride_px, settings.test_time_augmentation)
        self._classify: Any = None
        if classifier is not None:
            self._classify = _tiled(classifier, settings, ENCODER_STRIDE_PX, cell_px=CELL_PX)

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

    def look(self, image: tf.Tensor) -> Look:
        """What the networks say of an image from `read`, before any threshold."""
        pixels = self._segment(image)
        if self._classify is None:
            cells = tf.ones((tf.shape(pixels) + CELL_PX - 1) // CELL_PX)
            return Look(tf.reduce_max(pixels), cells, pixels)
        cells = self._classify(image)
        return Look(tf.reduce_max(cells), cells, pixels)

    def hard_masks(self, pixels: tf.Tensor, cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Masks (uint8 [H, W], 0 or 1) of probabilities by the thresholds, see Look and Thresholds.

        Returns:
            The segmenter's alone, and what the classifier leaves of it (the same without the cascade).
        """
        found = ships(pixels >= self.mask_threshold)
        of_pixels = tf.gather_nd(pixels, found.pixels)
        certainty = tf.math.unsorted_segment_mean(of_pixels, found.ship, found.count)
        area_px = tf.math.unsorted_segment_sum(tf.ones_like(found.ship), found.ship, found.count)
        kept = (certainty >= self.ship_threshold) & (area_px >= self.min_ship_pixels)

        def drawn(kept: tf.Tensor) -> tf.Tensor:
            of_ships = tf.cast(tf.gather(kept, found.ship), tf.uint8)
            return tf.scatter_nd(found.pixels, of_ships, tf.shape(pixels, tf.int64))

        alone = drawn(kept)
        if not self.cascade:
            return alone, alone
        of_cells = tf.gather_nd(cells, found.pixels // CELL_PX)
        highest = tf.math.unsorted_segment_max(of_cells, found.ship, found.count)
        return alone, drawn(kept & (highest >= self.classifier_threshold))

    def detect(self, image_bytes: tf.Tensor) -> Detection:
        """Find ships on one image; the segmenter is skipped where the classifier silences it.

        Args:
            image_bytes: string scalar, see `read`.
        """
        image = self.read(image_bytes)
        if not self.cascade:
            look = self.look(image)
            return Detection(look.ship_probability, self.hard_masks(look.pixels, look.cells)[1])
        cells = self._classify(image)
        probability = tf.reduce_max(cells)
        mask = tf.cond(
            probability >= self.classifier_threshold,
            lambda: self.hard_masks(self._segment(image), cells)[1],
            lambda: tf.zeros(tf.shape(image)[:2], tf.uint8),
        )
        return Detection(probability, mask)


def _tiled(
    network: keras.Model, settings: DetectorSettings, stride_px: int, view_count: int = 1, cell_px: int = 1
) -> Any:
    """Graph function from uint8 [H, W, 3] RGB to what `ship_probabilities` makes of it.

    A function, so that the three signatures share one copy of the network's graph, and not the network, which
    as an attribute would be saved as a Keras object.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
    def see(image: tf.Tensor) -> tf.Tensor:
        return ship_probabilities(
            lambda batch: network(batch, training=False),
            image,
            tile_px=settings.tile_px,
            overlap_px=settings.overlap_px,
            view_count=view_count,
            stride_px=stride_px,
            cell_px=cell_px,
        )

    return see


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
    edge_px, cells = ENCODER_STRIDE_PX, ENCODER_STRIDE_PX // CELL_PX
    shape = tuple(classifier(tf.zeros([1, edge_px, edge_px, 3]), training=False).shape)
    if shape != (1, cells, cells, 1):
        raise InputError(
            f"expected a classifier with a logit for each cell of {CELL_PX} px, got {shape} for {edge_px} px"
        )
