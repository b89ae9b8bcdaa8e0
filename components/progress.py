"""Progress of long work, told through logging so that no stage knows who listens.

A stage makes a `Meter` and advances it. The local run draws these records as bars; a container log shows
nothing unless the logger is set to DEBUG. The records carry the `Progress` as attribute `progress`.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

LOGGER = logging.getLogger("ships.progress")
# Drawing more often than this helps no reader and would show up in per-image work.
_INTERVAL_S = 0.2


@dataclass(frozen=True)
class Progress:
    """One message about how far a stage is.

    Attributes:
        stage: what is being done, e.g. "ShipExampleGen" or "Segmenter".
        done: units finished.
        total: units in all, or None if not known.
        unit: plural name of a unit ("images", "steps").
        figures: numbers worth showing beside it, e.g. {"loss": 0.41}.
        finished: whether it is done; what was interrupted or has failed never is.
    """

    stage: str
    done: int
    total: int | None
    unit: str
    figures: dict[str, float] = field(default_factory=dict)
    finished: bool = False


class Meter:
    """Counts units of work and tells the progress logger, at most five times a second. Thread-safe.

    Example:
        with Meter("Segmenter", total=300, unit="steps") as meter:
            for loss in losses:
                meter.advance(loss=loss)
    """

    def __init__(self, stage: str, total: int | None, unit: str) -> None:
        self._stage, self._total, self._unit = stage, total, unit
        self._done = 0
        self._figures: dict[str, float] = {}
        self._lock = threading.Lock()
        self._last_told = float("-inf")

    @property
    def done(self) -> int:
        """Units finished so far."""
        return self._done

    def advance(self, count: int = 1, **figures: float) -> None:
        """Add `count` finished units and remember the newest figures."""
        with self._lock:
            self._done += count
            self._figures.update(figures)
            now = time.monotonic()
            if now - self._last_told < _INTERVAL_S:
                return
            self._last_told = now
        self._tell(finished=False)

    def expect(self, total: int) -> None:
        """Correct the number of units in all, when it turns out to be another."""
        with self._lock:
            self._total = total

    def _tell(self, finished: bool) -> None:
        progress = Progress(
            self._stage, self._done, self._total, self._unit, dict(self._figures), finished=finished
        )
        LOGGER.debug("%s", progress, extra={"progress": progress})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(finished=error is None)


# Workers in this process find the meter of a running stage here, since Beam copies a step with all it holds.
# Those in other processes find none.
_running: dict[str, Meter] = {}


@contextmanager
def running(stage: str, total: int | None, unit: str) -> Iterator[None]:
    """Counts what `advance` is told of a stage while its Beam pipeline runs.

    Of workers in other processes nothing is heard before the end; that the pipeline ended well then tells
    that all units are done.
    """
    with Meter(stage, total, unit) as meter:
        _running[stage] = meter
        try:
            yield
        finally:
            del _running[stage]
        if total and not meter.done:
            meter.advance(total)


def advance(stage: str, count: int = 1) -> None:
    """Tell from inside a Beam step that units of a stage are done."""
    if meter := _running.get(stage):
        meter.advance(count)
