"""TFMA's extractors and one that turns masks into a few numbers, for TFX to find by a dotted path.

TensorFlow has no connected components in its graphs, so that the detector's `evaluate` signature returns its
masks as run-length strings and ships are counted here. Behind this step, an image is some forty numbers.
"""

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray

from components.evaluation.image_numbers import mask_numbers
from components.evaluation.names import (
    BASELINE,
    CANDIDATE,
    CASCADE,
    CASCADE_MASK,
    CLASSIFIER,
    IMAGE_SIZE,
    SEGMENTER,
    SEGMENTER_MASK,
    SHIP_SIZE,
)
from components.evaluation.ships import ImageShips, compare_ships, size_of_ships
from components.examples import ENCODED_PIXELS, IMAGE
from components.masks.rle import decode, parse_runs
from components.progress import advance

STAGE = "ShipEvaluator"
CUSTOM_EXTRACTORS = f"{__name__}.ship_extractors"


def ship_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any
) -> list[tfma.extractors.Extractor]:
    """The default extractors with the counting of ships between prediction and slicing."""
    *extractors, slicing = tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
    )
    return [*extractors, tfma.extractors.Extractor("CountShips", beam.Map(count_ships)), slicing]


def count_ships(extracts: dict[str, Any]) -> dict[str, Any]:
    """Extracts of one image with `mask_numbers` as the predictions of both mask heads.

    The classifier's are its probability and its judgement, NaN of a model that does not tell it.

    Beside a baseline, the candidate's numbers are followed by the baseline's.

    The feature `ship_size` is added for slicing if the image has ships. The image and the masks are left out.
    """
    advance(STAGE)
    features = dict(extracts[tfma.FEATURES_KEY])
    features.pop(IMAGE, None)
    rows = [row.decode() for row in np.ravel(features.get(ENCODED_PIXELS, []))]
    if rows:
        features[SHIP_SIZE] = np.array([size_of_ships(rows).encode()])
    predictions = extracts[tfma.PREDICTIONS_KEY]
    # With a baseline, TFMA keeps the predictions by model.
    numbers: dict[str, Any]
    if CLASSIFIER in predictions:
        numbers = _numbers_by_head(predictions, rows)
    else:
        numbers = {model: _numbers_by_head(heads, rows) for model, heads in predictions.items()}
        for head in (CLASSIFIER, SEGMENTER, CASCADE):
            # Side by side, so that sums over images also tell how the two models vary together.
            numbers[CANDIDATE][head] = np.hstack([numbers[CANDIDATE][head], numbers[BASELINE][head]])
    small = {key: value for key, value in extracts.items() if key != tfma.INPUT_KEY}
    return small | {tfma.FEATURES_KEY: features, tfma.PREDICTIONS_KEY: numbers}


def _numbers_by_head(heads: dict[str, Any], rows: Sequence[str]) -> dict[str, NDArray[Any]]:
    segmenter, cascade = _ships_by_head(heads, rows)
    return {
        CLASSIFIER: _judgement(heads[CLASSIFIER]),
        SEGMENTER: mask_numbers(heads[SEGMENTER], segmenter),
        CASCADE: mask_numbers(heads[CASCADE], cascade),
    }


def _judgement(told: NDArray[np.float32]) -> NDArray[np.float64]:
    # A baseline that was pushed before the signature told the judgement has none.
    probability, *judged = np.ravel(told).astype(np.float64)
    return np.array([probability, *(judged or [np.nan])])


def _ships_by_head(
    heads: dict[str, Any], rows: Sequence[str]
) -> tuple[ImageShips, ImageShips] | tuple[None, None]:
    if SEGMENTER_MASK not in heads:
        # A baseline that was pushed before the signature returned masks.
        return None, None
    height, width = (int(edge) for edge in heads[IMAGE_SIZE])
    ships = [parse_runs(row, height, width) for row in rows]
    alone, silenced = (np.ravel(heads[name])[0].decode() for name in (SEGMENTER_MASK, CASCADE_MASK))
    segmenter = compare_ships(decode(alone, height, width), ships)
    cascade = segmenter if silenced == alone else compare_ships(decode(silenced, height, width), ships)
    return segmenter, cascade
