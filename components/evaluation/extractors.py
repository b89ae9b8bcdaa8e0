"""TFMA's extractors and one that counts images, for TFX to find by a dotted path."""

from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma

from components.progress import advance

STAGE = "ShipEvaluator"
CUSTOM_EXTRACTORS = f"{__name__}.counting_extractors"


def counting_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any
) -> list[tfma.extractors.Extractor]:
    """The default extractors, and one behind them that counts the images the models have looked at."""
    extractors: list[tfma.extractors.Extractor] = tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
    )
    return [*extractors, tfma.extractors.Extractor("CountImages", beam.Map(_count))]


def _count(extracts: dict[str, Any]) -> dict[str, Any]:
    advance(STAGE)
    return extracts
