"""Settings of the approval. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ApprovalSettings(BaseModel):
    """Who lets a model through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["automatic", "manual"] = Field(
        "automatic",
        description="automatic: a model that passes the rules is pushed at once; manual: only after a "
        "person's approval (`ships approve`). A rejection or a broken rule holds it back in both.",
    )
