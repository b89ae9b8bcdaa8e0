"""Thousands of requests to `ships serve`, some broken: `python -m benchmarks.soak`.

Fails if an answer is lost or is not what it should be, or if the server's memory goes on growing.
"""

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from served_process import RestClient, body, export_tiny, ships_serve

from benchmarks.report import Row, save, show
from pipeline.serving.sample import sea_with_ships

_CLIENTS = 4
_BROKEN_OF = 100
# Memory grows while allocators and caches fill up, and is flat from then on: its peak in the second half of
# the requests may be so much above that of the first half. With 20,000 requests and the 720 MB of TensorFlow
# and the tiny network that is a leak of 4 kB a request.
FLAT = 0.05


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="A soak of ships serve.")
    parser.add_argument("--models", type=Path, help="folder of pushed models; default: a tiny one")
    parser.add_argument(
        "--requests", type=int, default=20_000, help="default 20,000, of which 1 %% are broken"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or export_tiny(Path(folder))
        rows = soak(models, arguments.requests, Path(folder))
    title = f"{arguments.requests} requests by {_CLIENTS} clients, every hundredth a truncated JPEG"
    show(f"{title}; memory grew by {growth(rows):.1%} in the second half", rows)
    save(arguments.output, {"soak": rows})
    if told := faults(rows):
        raise SystemExit(told)


def soak(models: Path, requests: int, scratch: Path) -> list[Row]:
    """Counts answers and looks at the server's memory, a row for each tenth of the requests."""
    good = sea_with_ships(0)
    bodies = {False: body([good]), True: body([good[: len(good) // 2]])}
    rows: list[Row] = []
    with ships_serve(models, scratch) as ports, ThreadPoolExecutor(_CLIENTS) as pool:
        (process,) = psutil.Process().children()
        clients = threading.local()

        def ask(number: int) -> str:
            broken = number % _BROKEN_OF == _BROKEN_OF - 1
            if not hasattr(clients, "rest"):
                clients.rest = RestClient(ports.rest)
            try:
                status, told = clients.rest.post(bodies[broken])
            except (OSError, ValueError, http.client.HTTPException):
                return "lost"
            expected = status == (400 if broken else 200) and ("error" in told) == broken
            return ("refused" if broken else "answered") if expected else "wrong"

        for tenth in np.array_split(np.arange(requests), 10):
            started, begun_s = time.perf_counter(), _processor_s(process)
            outcomes = list(pool.map(ask, tenth.tolist()))
            seconds = time.perf_counter() - started
            counts = {what: outcomes.count(what) for what in ("answered", "refused", "wrong", "lost")}
            rows.append(
                {
                    "requests": int(tenth[-1]) + 1,
                    **counts,
                    "per s": len(tenth) / seconds,
                    "processor ms each": (_processor_s(process) - begun_s) / len(tenth) * 1000,
                    "server MB": process.memory_info().rss / 2**20,
                }
            )
    return rows


def growth(rows: Sequence[Row]) -> float:
    """Peak of the server's memory in the second half of the rows over that in the first half, less one."""
    memory_mb = [float(row["server MB"]) for row in rows]
    half = len(memory_mb) // 2
    return max(memory_mb[half:]) / max(memory_mb[:half]) - 1


def faults(rows: Sequence[Row]) -> str:
    """What is wrong with a soak; "" if nothing is."""
    told = [
        f"{row[what]} {what} up to request {row['requests']}"
        for row in rows
        for what in ("wrong", "lost")
        if row[what]
    ]
    if (grown := growth(rows)) > FLAT:
        told.append(f"memory grew by {grown:.1%} in the second half, at most {FLAT:.0%} are taken for flat")
    return "; ".join(told)


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
