"""What stages tell of their progress."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from components.progress import LOGGER, Progress


@contextmanager
def told_progress() -> Iterator[list[Progress]]:
    """The records that arrive inside the block, as a list that grows."""
    told: list[Progress] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.progress)
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield told
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
