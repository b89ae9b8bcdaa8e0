"""Per-image work on all cores of one Beam worker: in threads, or in processes where there are many images.

What takes long on an image (decoding, OpenCV, hashing) runs without Python's lock, so that threads do for
most work, without copying and without a start. What is left to Python lets two cores measure 1.5 times as
fast as one in threads, and 1.7 to 2 times in processes.

Beam's own ways to use the cores (`direct_num_workers`, a job server's worker pool) need a whole worker for
each, with TFX and TensorFlow in its memory, hand over every record through gRPC, and in a local run would
take the place of the runner in this process, whose counters and progress the stages rely on.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

import cv2
import joblib

from components.processes import Processes, keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")
# Images begun beyond the one whose turn it is: enough for a large file not to make the cores wait.
AHEAD_PER_CORE = 4
# Processes take 0.7 s to start, threads do not.
_PROCESSES_FROM_S = 4.0


def cores() -> int:
    """Processor cores that this process may use, by taskset, a cpuset or the CPU limit of its container."""
    count: int = joblib.cpu_count()
    return count


def thread_pool() -> ThreadPoolExecutor:
    """A thread for each core, for which two things change in the whole process.

    OpenCV leaves off spreading one image over the cores: with all cores busy that costs time, a sixth of all
    for the measuring of images on two cores. And memory is kept, see `keep_freed_memory`.
    """
    cv2.setNumThreads(1)
    keep_freed_memory()
    return ThreadPoolExecutor(cores())


def work_pool(seconds: float) -> Executor:
    """What does much work on many images fastest: a process for each core or, for little, a thread.

    It only calls functions that can be pickled. Each call of this is to be followed by one of `shutdown`.

    Args:
        seconds: that the work takes one core, roughly.
    """
    return _SharedProcesses() if seconds >= _PROCESSES_FROM_S and cores() > 1 else thread_pool()


class _SharedProcesses(Executor):
    """The same processes for all who ask at a time: a Beam worker has a copy of a step in each thread."""

    _lock = threading.Lock()
    _shared: Processes | None = None
    _users = 0

    def __init__(self) -> None:
        cls = _SharedProcesses
        with cls._lock:
            if cls._shared is None:
                cls._shared, cls._users = Processes(cores()), 0
            cls._users += 1
            self._processes = cls._shared

    def submit(self, function: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """As `Processes.submit`."""
        return self._processes.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """The last user ends the processes; after a failure (`cancel_futures`) any user does, for all."""
        cls = _SharedProcesses
        with cls._lock:
            if self._processes is cls._shared:
                cls._users -= 1
                if cls._users and not cancel_futures:
                    return
                cls._shared = None
        self._processes.shutdown(wait, cancel_futures=cancel_futures)


def in_order(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in the order of the items, of which at most `ahead` + 1 are begun before one is taken.

    Raises:
        Exception: what the function raised, when its turn comes.
    """
    begun: deque[Future[Result]] = deque()
    for item in items:
        begun.append(pool.submit(function, item))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
