"""The pools for per-image work: their order and limits, and that no process outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from components import parallel
from components.parallel import in_order, work_pool
from components.processes import Processes

# Started as users start it: in a session of its own, whose processes all get the Ctrl-C.
PROGRAM = """
import os, sys, time
from components.processes import Processes
pool = Processes(2)
calls = [pool.submit(os.getpid) for _ in range(20)]
print(*{call.result() for call in calls} | set(pool._pool._processes), flush=True)
try:
    pool.submit(time.sleep, 60).result()
except BaseException:
    pool.shutdown(cancel_futures=True)
    raise
"""


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _all_gone(pids: list[int], patience_s: float = 5) -> bool:
    until = time.monotonic() + patience_s
    while any(map(_is_there, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(_is_there, pids))


@pytest.fixture
def pool() -> Iterator[Processes]:
    processes = Processes(1)
    yield processes
    processes.shutdown(cancel_futures=True)


def test_results_come_in_order_and_few_are_begun_ahead():
    begun = []
    with ThreadPoolExecutor(2) as threads:
        for number, result in enumerate(
            in_order(threads, lambda item: begun.append(item) or item, range(20), 3)
        ):
            assert result == number
            assert len(begun) <= number + 4


def test_little_work_and_a_single_core_get_threads(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    with work_pool(3) as few:
        assert isinstance(few, ThreadPoolExecutor)
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    with work_pool(10**6) as alone:
        assert isinstance(alone, ThreadPoolExecutor)


def test_all_who_ask_at_a_time_share_the_processes(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    one, other = work_pool(5), work_pool(5)
    (pid,) = {one.submit(os.getppid).result(), other.submit(os.getppid).result()}
    assert pid == os.getpid()
    children = list(one._processes._pool._processes)
    one.shutdown()
    assert len(children) == 2 and other.submit(len, "abc").result() == 3
    other.shutdown()
    assert _all_gone(children)


def test_processes_neither_import_tensorflow_nor_the_main_module(pool):
    assert (
        pool.submit(eval, "{'tensorflow', 'apache_beam'} & set(__import__('sys').modules)").result() == set()
    )
    assert "pytest" not in pool.submit(eval, "list(__import__('sys').modules)").result()


def test_a_process_that_dies_is_an_error_and_no_wait(pool):
    call = pool.submit(os.kill, pool.submit(os.getpid).result(), signal.SIGKILL)
    with pytest.raises(BrokenExecutor, match="SIGKILL"):
        call.result(timeout=20)
    with pytest.raises(BrokenExecutor):
        pool.submit(os.getpid)


@pytest.fixture
def parent() -> Iterator[tuple[subprocess.Popen, list[int]]]:
    """A program with two processes that are at work, and their ids."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True, text=True) as program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2 and all(map(_is_there, pids))
        yield program, pids
        program.kill()


def test_no_process_outlives_a_parent_that_is_killed(parent):
    program, pids = parent
    program.send_signal(signal.SIGKILL)
    assert _all_gone(pids)


def test_ctrl_c_ends_all_and_only_the_parent_tells(parent):
    program, pids = parent
    os.killpg(program.pid, signal.SIGINT)
    # The thread by which loky manages its processes may have been cut off, too, and say so.
    assert program.communicate(timeout=20)[1].count("Traceback") in (1, 2)
    assert _all_gone(pids)
