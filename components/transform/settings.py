"""Settings of the contrast adjustment. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ContrastSettings(BaseModel):
    """How each image's contrast is adjusted before both networks, alike in training and in serving."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["none", "equalize", "stretch", "clahe"] = Field(
        "none",
        description="none, histogram equalization, percentile stretch, or contrast-limited adaptive one.",
    )
    clip_limit: float = Field(
        2.0, gt=0, description="clahe: a tile's histogram bin is cut at this many times the mean bin."
    )
    grid: int = Field(8, ge=1, le=64, description="clahe: tiles along each edge of the image.")
    low_percentile: float = Field(2.0, ge=0, lt=100, description="stretch: this percentile becomes black.")
    high_percentile: float = Field(98.0, gt=0, le=100, description="stretch: this percentile becomes white.")

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> "ContrastSettings":
        if self.low_percentile >= self.high_percentile:
            raise ValueError(
                f"low_percentile must be under high_percentile = {self.high_percentile}, "
                f"got {self.low_percentile}"
            )
        return self
