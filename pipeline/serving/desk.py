"""Takes requests in, up to a number, and has them answered by a few threads in bounded time."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pipeline.serving.faults import Fault, RequestError
from pipeline.serving.metrics import Metrics
from pipeline.serving.options import Limits

LOGGER = logging.getLogger("ships.serving")

Answer = TypeVar("Answer")


class Ticket:
    """An admitted request."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.work: Future[Any] | None = None

    @property
    def seconds_left(self) -> float:
        """Until the request's time is up."""
        return max(self._deadline - time.monotonic(), 0.0)


class Desk:
    """Admission, threads and time limits for the requests of all protocols.

    A running TensorFlow call cannot be ended. When a request's time is up its sender is told, but its place
    is only given away when the call has come back, so that calls never pile up behind the limit.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="predict")
        self._under_way = 0

    @asynccontextmanager
    async def admitted(self, protocol: str) -> AsyncIterator[Ticket]:
        """A place for one request, counted and timed under the name of its protocol.

        Raises:
            RequestError: all places are taken; or what the block raised. Other exceptions become one that
                says only that the server failed, and are logged with their traceback.
        """
        begun = time.monotonic()
        outcome = "cancelled"
        try:
            async with self._place(begun) as ticket:
                yield ticket
            outcome = "ok"
        except RequestError as error:
            outcome = error.fault.name.lower()
            raise
        except Exception as error:
            outcome = Fault.FAILED.name.lower()
            LOGGER.exception("a request failed (%s)", protocol)
            raise RequestError(Fault.FAILED, "the server failed to answer; its log says why") from error
        finally:
            self._metrics.requests.labels(protocol, outcome).inc()
            self._metrics.request_seconds.labels(protocol).observe(time.monotonic() - begun)

    async def run(self, ticket: Ticket, function: Callable[[], Answer]) -> Answer:
        """What the function returns, called in a thread when one is free.

        Raises:
            RequestError: the request's time is up; or what the function raised.
        """
        work = self._threads.submit(function)
        ticket.work = work
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), ticket.seconds_left)
        except TimeoutError:
            raise RequestError(
                Fault.TIMEOUT, f"no answer within {self._limits.timeout_s:g} s; send fewer or smaller images"
            ) from None

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    @asynccontextmanager
    async def _place(self, begun: float) -> AsyncIterator[Ticket]:
        if self._under_way >= self._limits.concurrency:
            raise RequestError(
                Fault.BUSY,
                f"{self._limits.concurrency} requests are under way already; try again in a moment",
            )
        self._change(+1)
        ticket = Ticket(begun + self._limits.timeout_s)
        loop = asyncio.get_running_loop()
        try:
            yield ticket
        finally:
            if ticket.work is None or ticket.work.done():
                self._change(-1)
            else:
                ticket.work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._change, -1))

    def _change(self, count: int) -> None:
        self._under_way += count
        self._metrics.under_way.set(self._under_way)
