"""Per-image work on all cores of one Beam worker, in threads.

Threads rather than processes: what takes long on an image (decoding, OpenCV, hashing) runs without Python's
lock, no image is copied from process to process, and no process loads TensorFlow anew for every stage.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")
# Images begun beyond the one whose turn it is: enough for a large file not to make the cores wait.
AHEAD_PER_CORE = 4


def cores() -> int:
    """Processor cores that this process may use (fewer than the machine has under taskset or a cpuset)."""
    return len(os.sched_getaffinity(0))


def thread_pool() -> ThreadPoolExecutor:
    """A thread for each core. OpenCV, in the whole process, leaves off spreading one image over the cores.

    With all cores busy that costs time, a sixth of all for the measuring of images on two cores.
    """
    cv2.setNumThreads(1)
    return ThreadPoolExecutor(cores())


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
