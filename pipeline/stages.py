"""What a runner tells about stages; like `components.progress`, through logging."""

import logging
from dataclasses import dataclass
from typing import Literal

LOGGER = logging.getLogger("ships.stages")

# How far a run goes: to the verdict about the data set, the evaluation of the model, or the model store.
Extent = Literal["data", "evaluation", "push"]


@dataclass(frozen=True)
class StageEvent:
    """A stage has started or ended.

    Attributes:
        stage: node id, such as "Segmenter".
        state: what has happened.
        seconds: how long the stage took; 0 at its start.
        error: why it failed.
    """

    stage: str
    state: Literal["running", "done", "cached", "failed"]
    seconds: float = 0.0
    error: BaseException | None = None


def tell(event: StageEvent) -> None:
    """Hand an event to whoever listens on the logger."""
    LOGGER.debug("%s", event, extra={"stage_event": event})
