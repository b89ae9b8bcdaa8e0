"""Settings of the evaluation: what a model must reach to be pushed. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.evaluation.names import DICE, JUDGED_METRICS
from components.examples import HAS_SHIP


class RuleSettings(BaseModel):
    """What one metric must reach on one slice."""

    # `slice: {has_ship: 1}` is meant as the text "1" that slices are named by.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    metric: str = Field(description="Name of a metric of the head.")
    head: Literal["cascade", "segmenter", "classifier"] = Field(
        "cascade",
        description="The cascade is what is served; the segmenter's masks are without the classifier.",
    )
    slice: dict[str, str] = Field({}, description="Feature: value pairs of a slice; none: all test images.")
    min: float | None = Field(None, ge=0, le=1, description="Least value of the metric.")
    max_drop: float | None = Field(
        None,
        ge=0,
        le=1,
        description="By so much the value may lie under that of the latest pushed model.",
    )
    min_images: int = Field(1, ge=1, description="A slice with fewer images cannot be judged.")
    max_interval: float | None = Field(
        None, gt=0, description="A value with a wider 95 % interval (upper less lower) cannot be judged."
    )
    unjudged: Literal["hold", "ignore"] = Field(
        "hold",
        description="What follows if the rule cannot be judged: the push waits for a person, or goes on.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> "RuleSettings":
        known = JUDGED_METRICS[self.head]
        if self.metric not in known:
            raise ValueError(f"metric = {self.metric!r}: expected one of {', '.join(known)} for {self.head}")
        if self.min is None and self.max_drop is None:
            raise ValueError("a rule needs min, max_drop or both")
        return self


class EvaluationSettings(BaseModel):
    """Rules of the verdict and how confidence intervals are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Empty images flatter the overall dice, so a model is judged on images that show ships. With an interval
    # of more than half the scale, chance alone takes a useful model for a useless one.
    rules: tuple[RuleSettings, ...] = Field(
        (RuleSettings(metric=DICE, slice={HAS_SHIP: "1"}, min=0.4, max_drop=0.02, max_interval=0.5),),
        description="What a model must reach to be pushed (docs/review.md): metric, head (cascade, "
        "segmenter, classifier), slice (feature: value), min, max_drop under the latest pushed model, and if "
        "the slice is too small to say (min_images, max_interval) whether to hold or to ignore (unjudged). "
        "Mean dice of at least 0.4 on images with ships was the report's aim.",
    )
    confidence_intervals: Literal["none", "jackknife", "bootstrap"] = Field(
        "none",
        description="Resampling by which TFMA gives every metric a 95 % interval; it takes a minute or more. "
        "With none, all metrics have the interval of a formula.",
    )
    slice_columns: tuple[str, ...] | None = Field(
        None, description="Columns of scenes.csv by which the metrics are sliced; null: all further ones."
    )
    crosses: tuple[tuple[str, ...], ...] | None = Field(
        None,
        description="Further slices, each by several of has_ship, ship_group, ship_size and the columns of "
        "scenes.csv, such as [[Source, has_ship]]; null: each column of slice_columns with has_ship.",
    )
