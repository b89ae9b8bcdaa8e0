"""Settings of the ImageScreener. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["quarantine", "warn", "ignore", "stop"]


class ScreeningSettings(BaseModel):
    """Which images are set aside before anything is trained on them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        True,
        description="Quarantine every image outside the ranges of the schema. If off, only those that cannot "
        "be decoded or whose label is no mask of them: nobody can train on those.",
    )
    actions: dict[str, Action] = Field(
        default={},
        description="What an anomaly of a feature does if not quarantine the image: warn (use the image, "
        "but list it), ignore, or stop (quarantine it and stop the run before training), such as "
        "{cloud_fraction: warn, ship_count: stop}. decode_ok and label_ok always quarantine.",
    )
    schema_file: str = Field(
        default="",
        description="Schema of an ordinary image (text format), for other sensors or tile sizes; empty: "
        "schemas/ship_images.pbtxt.",
    )
