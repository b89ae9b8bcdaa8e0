"""Settings of the DataReport. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field


class DataReportSettings(BaseModel):
    """How many pictures the page about the data set shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thumbnails: int = Field(
        12,
        ge=0,
        le=48,
        description="Thumbnails of the brightest, the darkest and the most unusual images, so many of each.",
    )
    quarantined: int = Field(
        60,
        ge=0,
        le=240,
        description="Quarantined images in the gallery, evenly from the reasons; quarantine.csv has all.",
    )
