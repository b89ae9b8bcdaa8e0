"""Beam steps whose work is done on all cores of the worker."""

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from components.parallel import cores, work_pool

Element = TypeVar("Element")
Begun = TypeVar("Begun")


class Pooled(beam.DoFn, ABC, Generic[Element, Begun]):
    """Begins the work on some elements before it waits for that on the first, so that no core is idle.

    What comes of them is handed on in their order, by the thread that calls `process`, whose counters Beam
    keeps.
    """

    def __init__(self, doing: str, seconds: float, ahead: int | None = None) -> None:
        """A step.

        Args:
            doing: what its processes are for, for a message ("measured images").
            seconds: that all the work takes one core, roughly.
            ahead: elements begun beyond the one waited for; one more than there are cores if None.
        """
        self._doing, self._seconds, self._ahead = doing, seconds, ahead

    @abstractmethod
    def begin(self, element: Element) -> Begun:
        """Hands the work on an element to `self.pool`."""

    @abstractmethod
    def finish(self, begun: Begun) -> Iterator[Any]:
        """Waits for it, within `failing_clearly`, and gives what comes of it."""

    def setup(self) -> None:
        """Starts a thread or a process for each core."""
        self.pool = work_pool(self._seconds)

    def teardown(self) -> None:
        """Ends them."""
        self.pool.shutdown()

    def start_bundle(self) -> None:
        """Begins without an element."""
        self._begun: deque[Begun] = deque()

    def process(self, element: Element) -> Iterator[Any]:
        """Begins an element, and hands on what comes of an earlier one."""
        self._begun.append(self.begin(element))
        ahead = cores() + 1 if self._ahead is None else self._ahead
        if len(self._begun) > ahead:
            yield from self.finish(self._begun.popleft())

    def finish_bundle(self) -> Iterator[Any]:
        """Hands on what comes of the last ones."""
        while self._begun:
            for found in self.finish(self._begun.popleft()):
                if isinstance(found, beam.pvalue.TaggedOutput):
                    yield beam.pvalue.TaggedOutput(found.tag, GlobalWindows.windowed_value(found.value))
                else:
                    yield GlobalWindows.windowed_value(found)

    @contextmanager
    def failing_clearly(self, suspects: Callable[[], Sequence[str]] = tuple) -> Iterator[None]:
        """Ends all work at once where it cannot go on.

        Args:
            suspects: tells which files the processes were at, where one may bring them down.

        Raises:
            RuntimeError: a process died; the message names the suspects.
        """
        try:
            yield
        except BaseException as error:
            self.pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenExecutor):
                exit_code = re.search(r"{.*}", str(error))
                named = ", ".join(suspects())
                raise RuntimeError(
                    f"a process that {self._doing} died {exit_code.group() if exit_code else ''}, killed, "
                    f"out of memory{f' or brought down by one of {named}' if named else ''}"
                ) from error
            raise
