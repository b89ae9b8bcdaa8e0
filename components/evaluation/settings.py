"""Settings of the evaluation: what a model must reach to be blessed. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EvaluationSettings(BaseModel):
    """Thresholds of the blessing and how confidence intervals are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_dice_ships: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Mean dice that the model must exceed on test images with ships (report: 0.4).",
    )
    max_dice_drop: float = Field(
        0.02,
        ge=0,
        le=1,
        description="By so much the dice on images with ships may lie under that of the latest pushed model.",
    )
    confidence_intervals: Literal["none", "jackknife", "bootstrap"] = Field(
        "none",
        description="Resampling by which TFMA gives every metric a 95 % interval; it takes a minute or more. "
        "With none, dice still has the interval of its standard error.",
    )
    slice_columns: tuple[str, ...] | None = Field(
        None, description="Columns of scenes.csv by which the metrics are sliced; null: all further ones."
    )
