"""Per-image work on all cores of one Beam worker, in threads.

Threads rather than processes: what takes long on an image (decoding, OpenCV, hashing) runs without Python's
lock, no image is copied from process to process, and no process loads TensorFlow anew for every stage.

Beam's own ways to use the cores (`direct_num_workers`, a job server's worker pool) need a whole worker for
each, with TFX and TensorFlow in its memory, hand over every record through gRPC, and in a local run would
take the place of the runner in this process, whose counters and progress the stages rely on.
"""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")
# Images begun beyond the one whose turn it is: enough for a large file not to make the cores wait.
AHEAD_PER_CORE = 4
# From <malloc.h>, and how much is kept.
_M_TRIM_THRESHOLD, _KEPT_BYTES = -1, 64 << 20
_M_MMAP_THRESHOLD, _MAPPED_BYTES = -3, 32 << 20


def cores() -> int:
    """Processor cores that this process may use (fewer than the machine has under taskset or a cpuset)."""
    return len(os.sched_getaffinity(0))


def thread_pool() -> ThreadPoolExecutor:
    """A thread for each core, for which two things change in the whole process.

    OpenCV leaves off spreading one image over the cores: with all cores busy that costs time, a sixth of all
    for the measuring of images on two cores. And memory is kept, see `keep_freed_memory`.
    """
    cv2.setNumThreads(1)
    keep_freed_memory()
    return ThreadPoolExecutor(cores())


def keep_freed_memory() -> None:
    """Has glibc keep what an image needed for the next one, 64 MB at most for each thread.

    Else it returns the megabytes of pixels to the kernel after each image, which then fills them with zeros
    anew: a twentieth to a tenth of the time for an image.
    """
    libc: Any = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


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
