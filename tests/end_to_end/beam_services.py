"""Beam's own job service and worker pool, as processes on loopback: the protocol that Flink speaks, too."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from commands import REPOSITORY

_PATIENCE_S = 120
# By util-linux, where it is: the end of a service whose tests are killed, and clean up nothing themselves.
_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


@dataclass(frozen=True)
class Services:
    """Where both listen, and what the pool has printed."""

    job_endpoint: str
    worker_pool: str
    pool_log: Path

    @property
    def overrides(self):
        """Settings by which stages run there."""
        return [
            "beam.runner=portable",
            f"beam.job_endpoint={self.job_endpoint}",
            f"beam.worker_pool={self.worker_pool}",
        ]

    def workers(self):
        """Processes that the pool has started: one for each job so far."""
        return self.pool_log.read_text(encoding="utf-8").count("Starting worker with command")


@contextlib.contextmanager
def beam_services(folder):
    """Both services, with their logs in a folder; afterwards neither they nor their workers are left."""
    job_port_file, pool_port = folder / "job_port", _free_port()
    job_log, pool_log = folder / "job_service.log", folder / "worker_pool.log"
    with contextlib.ExitStack() as stack:
        job_service = stack.enter_context(
            _process(
                *("apache_beam.runners.portability.local_job_service_main", "--port=0"),
                f"--port_file={job_port_file}",
                f"--staging_dir={folder / 'staging'}",
                log=job_log,
            )
        )
        pool = stack.enter_context(
            _process(
                *("apache_beam.runners.worker.worker_pool_main", f"--service_port={pool_port}"), log=pool_log
            )
        )
        _wait(job_port_file.exists, job_service, job_log)
        _wait(lambda: "Started worker pool servicer" in pool_log.read_text(encoding="utf-8"), pool, pool_log)
        job_port = job_port_file.read_text(encoding="utf-8")
        yield Services(f"localhost:{job_port}", f"localhost:{pool_port}", pool_log)


@contextlib.contextmanager
def _process(module, *arguments, log):
    """A Python module as a process group of its own, which is killed as a whole: the pool has children."""
    environment = {
        **os.environ,
        # The pool starts its workers by the name "python".
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*_WITH_ITS_PARENT, sys.executable, "-m", module, *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            # Nothing must be found by way of the working directory.
            cwd=log.parent,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(ready, process, log):
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"not ready: {log.read_text(encoding='utf-8')}")
        time.sleep(0.1)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
