"""Settings of the ShipSampler. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SamplingSettings(BaseModel):
    """Which images train the networks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Literal["balanced", "ships_only", "all"] = Field(
        "all",
        description="balanced: up to `empties` images without ships and `per_group` of each of the seven "
        "ship-quantity groups, as in the report; ships_only: every image with ships and no other; all.",
    )
    empties: int = Field(500, ge=0, description="Images without ships in a balanced sample.")
    max_empties: int | None = Field(
        None, ge=1, description="At most so many images without ships under strategy all; null for no cap."
    )
    per_group: int = Field(1500, ge=1, description="Images of each ship-quantity group in a balanced sample.")
    eval_images: int = Field(
        1000, ge=1, description="At most so many eval images with, and as many without ships are looked at."
    )
    rows_mistake: bool = Field(
        False,
        description="Reproduces a mistake of the report, for comparison only: a balanced sample draws rows "
        "of the label table (one a ship) instead of images, so that training images lose the masks of those "
        "ships whose rows were not drawn.",
    )
    seed: int = Field(0, ge=0, description="Another seed draws another sample.")

    @model_validator(mode="after")
    def _mistake_needs_a_draw(self) -> "SamplingSettings":
        if self.rows_mistake and self.strategy != "balanced":
            raise ValueError(
                f"rows_mistake needs strategy balanced: {self.strategy} takes every row, so no mask gets lost"
            )
        return self
