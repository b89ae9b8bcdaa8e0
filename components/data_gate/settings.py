"""Settings of the acceptance of a data set. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Breach = Literal["stop", "warn", "ignore"]


class AcceptanceSettings(BaseModel):
    """What a data set as a whole must be like before anything is trained on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_quarantined: float = Field(
        default=0.5, ge=0, le=1, description="Largest share of the images that may be quarantined."
    )
    on_quarantined: Breach = Field(
        default="stop", description="What happens if more are: stop before training, warn, or ignore."
    )
    on_schema: Breach = Field(
        default="warn",
        description="What happens on anomalies that ExampleValidator finds in a split as a whole, such as a "
        "new or a missing feature.",
    )
    on_drift: Breach = Field(
        default="warn",
        description="What happens if a measure is farther from the data of the last pushed model than the "
        "drift_comparator of the schema allows.",
    )
    on_skew: Breach = Field(
        default="warn",
        description="What happens if a measure in the eval or test images is farther from the train images "
        "than the skew_comparator of the schema allows.",
    )
    min_images: int = Field(
        default=100,
        ge=2,
        description="A split with fewer images is not compared: by chance alone its histograms differ.",
    )
