"""What the workers of a Beam runner are told; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """Who finds ships, as each worker makes it for itself.

    Attributes:
        models: folder of models that every worker sees, or None to ask a server.
        server: address that every worker reaches, "" to use `models`.
        name: of the model.
        version: that must be the newest wherever it is loaded.
        min_pixels: ships with fewer are left out.
    """

    models: Path | None
    server: str
    name: str
    version: int
    min_pixels: int
