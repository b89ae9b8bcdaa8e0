"""The detector's signatures: batches of bytes in, small answers out, nothing but TensorFlow inside.

Each image goes through on its own (tf.map_fn), so that sizes may differ and memory is that of one image
whatever the batch: TFMA feeds up to 1000 Examples at once.
"""

from collections.abc import Callable

import tensorflow as tf

from components.examples import ENCODED_PIXELS, IMAGE
from components.masks import rle_graph
from components.ship_detector.detector import Detection, ShipDetector
from components.ship_detector.thresholds import CURVE_THRESHOLDS

SERVING = "serving_default"
MASK = "mask"
EVALUATE = "evaluate"

_SHIP_PROBABILITY = tf.TensorSpec([], tf.float32)
_ENCODED_PIXELS = tf.TensorSpec([], tf.string)
_SHIP_PIXELS = tf.TensorSpec([], tf.int64)
_MASK_PNG = tf.TensorSpec([], tf.string)
_CLASSIFIER = tf.TensorSpec([2], tf.float32)
_COUNTS = tf.TensorSpec([3], tf.float32)
_CURVE = tf.TensorSpec([len(CURVE_THRESHOLDS)], tf.float32)
_IMAGE_SIZE = tf.TensorSpec([2], tf.int32)


def signatures(detector: ShipDetector) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
    """Functions to hand to tf.saved_model.save(detector, folder, signatures=...).

    Returns:
        by name:

        `serving_default(image_bytes: string [N])` -> `ship_probability` float32 [N]; `encoded_pixels` string
        [N], the run-length string of the mask ("" for none); `ship_pixels` int64 [N].

        `mask(image_bytes: string [N])` -> the same and `mask_png_bytes` string [N], a one-channel PNG in the
        image's size, 255 on ships.

        `evaluate(examples: string [N])`, serialized raw tf.Examples with features `image` and
        `encoded_pixels` -> `classifier` float32 [N, 2], ship probability and 1 if it reaches the threshold;
        `segmenter` float32 [N, 3], pixels tp, fp, fn of the hard mask against the union of the labels,
        whatever the classifier says; `cascade` float32 [N, 3], the same of the mask that serving gives;
        `segmenter_mask` and `cascade_mask` string [N], run-length strings of the two masks; `image_size`
        int32 [N, 2], height and width in px; `predicted_px` and `hit_px` float32 [N, thresholds], pixels that
        the segmenter takes for ship at each of CURVE_THRESHOLDS, and those of them that are labelled so.

        All raise tf.errors.InvalidArgumentError for the whole request if one image cannot be decoded.
    """
    images = tf.TensorSpec([None], tf.string, name="image_bytes")
    examples = tf.TensorSpec([None], tf.string, name="examples")

    def serve_one(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return _answer(detector.detect(image_bytes))

    def mask_one(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        detection = detector.detect(image_bytes)
        png = tf.io.encode_png(detection.mask[..., tf.newaxis] * tf.constant(255, tf.uint8))
        return _answer(detection) | {"mask_png_bytes": png}

    def evaluate_one(example: tf.Tensor) -> dict[str, tf.Tensor]:
        image, truth = labelled_image(detector, example)
        look = detector.look(image)
        alone, confirmed = detector.hard_masks(look.pixels, look.cells)
        judged = tf.cast(look.ship_probability >= detector.classifier_threshold, tf.float32)
        return {
            "classifier": tf.stack([look.ship_probability, judged]),
            "segmenter": _confusion(alone, truth),
            "cascade": _confusion(confirmed, truth),
            "segmenter_mask": rle_graph.encode(alone),
            "cascade_mask": rle_graph.encode(confirmed),
            "image_size": tf.shape(alone),
            "predicted_px": _counts_from(look.pixels),
            "hit_px": _counts_from(tf.boolean_mask(look.pixels, truth > 0)),
        }

    answer = {
        "ship_probability": _SHIP_PROBABILITY,
        "encoded_pixels": _ENCODED_PIXELS,
        "ship_pixels": _SHIP_PIXELS,
    }
    heads = {
        "classifier": _CLASSIFIER,
        "segmenter": _COUNTS,
        "cascade": _COUNTS,
        "segmenter_mask": _ENCODED_PIXELS,
        "cascade_mask": _ENCODED_PIXELS,
        "image_size": _IMAGE_SIZE,
        "predicted_px": _CURVE,
        "hit_px": _CURVE,
    }
    return {
        SERVING: _one_by_one(serve_one, images, answer),
        MASK: _one_by_one(mask_one, images, answer | {"mask_png_bytes": _MASK_PNG}),
        EVALUATE: _one_by_one(evaluate_one, examples, heads),
    }


def labelled_image(detector: ShipDetector, example: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Image and label of a raw Example.

    Args:
        detector: whose contrast adjustment is applied.
        example: string scalar, serialized tf.Example with `image` (file bytes) and `encoded_pixels` (0..n
            rows).

    Returns:
        uint8 [H, W, 3] RGB, and uint8 [H, W], 1 on labelled ships.

    Raises:
        tf.errors.InvalidArgumentError: undecodable image, or rows that do not fit it.
    """
    features = tf.io.parse_single_example(
        example,
        {
            IMAGE: tf.io.FixedLenFeature([], tf.string),
            ENCODED_PIXELS: tf.io.VarLenFeature(tf.string),
        },
    )
    image = detector.read(features[IMAGE])
    shape = tf.shape(image)
    return image, rle_graph.decode(features[ENCODED_PIXELS].values, shape[0], shape[1])


def _answer(detection: Detection) -> dict[str, tf.Tensor]:
    return {
        "ship_probability": detection.ship_probability,
        "encoded_pixels": rle_graph.encode(detection.mask),
        "ship_pixels": tf.reduce_sum(tf.cast(detection.mask, tf.int64)),
    }


def _confusion(mask: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """Pixels tp, fp, fn (float32 [3], whole numbers) of two masks of 0 and 1."""
    hits = tf.reduce_sum(tf.cast(mask * truth, tf.int32))
    false = tf.reduce_sum(tf.cast(mask, tf.int32)) - hits
    missed = tf.reduce_sum(tf.cast(truth, tf.int32)) - hits
    return tf.cast(tf.stack([hits, false, missed]), tf.float32)


def _counts_from(probabilities: tf.Tensor) -> tf.Tensor:
    """How many of the probabilities reach each of CURVE_THRESHOLDS: float32 [thresholds], whole numbers."""
    reached = tf.searchsorted(CURVE_THRESHOLDS, tf.reshape(probabilities, [-1]), side="right")
    # Bin k: those that reach exactly k thresholds.
    bins = tf.math.bincount(reached, minlength=len(CURVE_THRESHOLDS) + 1)
    return tf.cast(tf.cumsum(bins[1:], reverse=True), tf.float32)


def _one_by_one(
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    batch: tf.TensorSpec,
    outputs: dict[str, tf.TensorSpec],
) -> Callable[..., dict[str, tf.Tensor]]:
    """Graph function that maps a batch of strings image by image."""

    def mapped(strings: tf.Tensor) -> dict[str, tf.Tensor]:
        results: dict[str, tf.Tensor] = tf.map_fn(
            function, strings, fn_output_signature=outputs, parallel_iterations=1
        )
        return results

    graph: Callable[..., dict[str, tf.Tensor]] = tf.function(mapped, input_signature=[batch], autograph=False)
    return graph
