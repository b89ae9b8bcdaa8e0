"""Processes for work on very many images, for as long as they take.

From loky, which scikit-learn's joblib brings, rather than from the standard library: its processes do not
import the program's main module anew (in a container that is TFX with TensorFlow, 1 GB for each).
They are started afresh, not forked, since a fork of a process with TensorFlow's threads may never get on.
"""

import ctypes
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from typing import Any, ParamSpec, TypeVar

from joblib.externals import loky

Given = ParamSpec("Given")
Result = TypeVar("Result")

# From <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
# One image is not spread over cores that have images of their own.
_ENVIRONMENT = {"OPENCV_FOR_THREADS_NUM": "1"}
# From <malloc.h>, and how much is kept.
_M_TRIM_THRESHOLD, _KEPT_BYTES = -1, 64 << 20
_M_MMAP_THRESHOLD, _MAPPED_BYTES = -3, 32 << 20


def keep_freed_memory() -> None:
    """Has glibc keep what an image needed for the next one, 64 MB at most for each thread.

    Else it returns the megabytes of pixels to the kernel after each image, which then fills them with zeros
    anew: a twentieth to a tenth of the time for an image.
    """
    libc: Any = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


class Processes(Executor):
    """Runs importable functions in processes of its own, none of which outlives this one."""

    def __init__(self, count: int) -> None:
        """Starts `count` processes, which takes a second; what they import comes with the first call."""
        # The kernel takes the end of the thread that started a process for the end of its parent. So a thread
        # that lives as long as they do starts them, and those that loky may start again, with each call.
        self._caller = ThreadPoolExecutor(1)
        self._pool = self._caller.submit(
            loky.ProcessPoolExecutor,
            count,
            initializer=_begin,
            initargs=(os.getpid(),),
            env=_ENVIRONMENT,
        ).result()

    def submit(
        self, function: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Calls a function that a process can import.

        Raises:
            BrokenExecutor: a process has died; so does the future of a call at that time.
        """
        future: Future[Result] = self._caller.submit(self._submit, function, args, kwargs).result()
        return future

    def _submit(
        self, function: Callable[..., Result], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[Result]:
        # Processes inherit this from the thread that starts them: Ctrl-C reaches every process of a terminal,
        # and this one is to answer for all. Not once for all, because the trackers of semaphores that
        # multiprocessing starts beside the first process unblock the signal.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        future: Future[Result] = self._pool.submit(function, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes; with `cancel_futures` at once."""
        self._pool.shutdown(wait=wait, kill_workers=cancel_futures)
        self._caller.shutdown(wait=wait)


def _begin(parent: int) -> None:
    die_with_parent(parent)
    keep_freed_memory()


def die_with_parent(parent: int) -> None:
    """Has the kernel end this process with its parent, however that ends.

    Nobody else would: after SIGKILL no handler runs, and a process that waits for work waits forever.
    """
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # It may have ended before the kernel was asked.
    if os.getppid() != parent:
        os._exit(1)
