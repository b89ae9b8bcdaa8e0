"""How many images the evaluation has looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from components.progress import Meter

# Workers in this process find the meter of the running stage here, since Beam copies what a step holds. In
# other processes it stays None and nothing is shown.
_meter: Meter | None = None


@contextmanager
def shown_progress(stage: str, total: int) -> Iterator[None]:
    """Counts the images that pass while the evaluation runs."""
    global _meter  # noqa: PLW0603 (see where it is declared)
    with Meter(stage, total, "images") as _meter:
        try:
            yield
        finally:
            _meter = None


def advance() -> None:
    """One more image has passed."""
    if _meter:
        _meter.advance()
