"""Settings of the ImageScreener. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field


class ScreeningSettings(BaseModel):
    """Which images are set aside before anything is trained on them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        True,
        description="Quarantine every image outside the ranges of the schema. If off, only those that cannot "
        "be decoded or whose label is no mask of them: nobody can train on those.",
    )
    schema_file: str = Field(
        default="",
        description="Schema of an ordinary image (text format), for other sensors or tile sizes; empty: "
        "schemas/ship_images.pbtxt.",
    )
