"""Settings of the infra validation. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field


class InfraValidationSettings(BaseModel):
    """What a server of the candidate must do before the candidate is pushed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        True, description="Serve the candidate in a process of its own and ask it before it is pushed."
    )
    images: int = Field(8, ge=1, description="Test images that the server is asked about, one by one.")
    max_different_pixels: int = Field(
        0, ge=0, description="So many pixels of an image may differ from the evaluation's mask."
    )
    max_median_ms: float = Field(5000.0, gt=0, description="Median time of an answer over REST.")
    max_memory_mb: float = Field(6000.0, gt=0, description="Highest resident memory of the server, in MiB.")
    max_start_s: float = Field(180.0, gt=0, description="From the start of the server until it is ready.")
    command: tuple[str, ...] = Field(
        (),
        description="Server to start, with {models}, {name} and {port} for the folder of models, the model "
        "in it and the REST port on 127.0.0.1; empty: `ships serve`.",
    )
