"""Settings of the ReviewReport. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field

PAGE_FILE, CARD_FILE = "index.html", "model_card.md"


class ReviewSettings(BaseModel):
    """How much of the test splits the review page looks at image by image."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: int = Field(
        300,
        ge=1,
        le=1000,
        description="Test images that are drawn for curves and pictures, evenly from the slices; metrics and "
        "rules are always about all of them. Each is predicted once more, by the pushed model as well.",
    )
    pictures: int = Field(
        3, ge=0, le=12, description="Worst, median and best images shown of each slice, so many of each."
    )
    disagreements: int = Field(
        12, ge=0, le=48, description="Images shown on which candidate and pushed model differ most."
    )
