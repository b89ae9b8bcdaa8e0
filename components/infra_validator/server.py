"""A model server as a child process, asked by TF Serving's REST."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError

_POLL_S = 0.2
_ANSWER_S = 120.0
_END_S = 30.0
_LOG_LINES = 5


class ServerError(Exception):
    """The server does not become ready or does not answer; the message says what it did instead."""


@dataclass(frozen=True)
class Answer:
    """What the server says of one image.

    Attributes:
        encoded_pixels: run-length string of the mask.
        ship_probability: 0-1.
        seconds: from the request to the whole answer.
    """

    encoded_pixels: str
    ship_probability: float
    seconds: float


class ModelServer:
    """A running server of one model.

    Attributes:
        port: of REST on 127.0.0.1.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, name: str, log: Path) -> None:
        self.port = port
        self._process = process
        self._address = f"http://127.0.0.1:{port}/v1/models/{name}"
        self._log = log

    def wait_until_ready(self, deadline_s: float) -> float:
        """Seconds that it took until the model is available.

        Raises:
            ServerError: the process has ended, or the time is up.
        """
        started = time.monotonic()
        while time.monotonic() - started < deadline_s:
            if (code := self._process.poll()) is not None:
                raise ServerError(f"the server ended with exit code {code}: {self._last_words()}")
            with contextlib.suppress(OSError, ValueError, KeyError):
                statuses = _ask(self._address)["model_version_status"]
                if any(status["state"] == "AVAILABLE" for status in statuses):
                    return time.monotonic() - started
                if errors := [one["status"]["error_message"] for one in statuses if one["state"] == "END"]:
                    raise ServerError(f"the model cannot be served: {errors[0]}")
            time.sleep(_POLL_S)
        raise ServerError(f"the server is not ready after {deadline_s:g} s: {self._last_words()}")

    def predict(self, image: bytes) -> Answer:
        """Ask about an image file; ServerError if there is no answer."""
        body = json.dumps({"instances": [{"b64": b64encode(image).decode()}]}).encode()
        started = time.monotonic()
        try:
            prediction = _ask(f"{self._address}:predict", body)["predictions"][0]
            seconds = time.monotonic() - started
            return Answer(str(prediction["encoded_pixels"]), float(prediction["ship_probability"]), seconds)
        except urllib.error.HTTPError as error:
            told = error.read(500).decode(errors="replace")
            raise ServerError(f"the server answers {error.code}: {told}") from error
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ServerError(f"the server does not answer as expected: {error!r}") from error

    def peak_memory_mb(self) -> float:
        """Highest resident memory of the process so far, in MiB (Linux: VmHWM)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace")
        (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes) / 1024

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-_LOG_LINES:]) or "it said nothing"


@contextlib.contextmanager
def serving(command: Sequence[str], models: Path, name: str, log: Path) -> Iterator[ModelServer]:
    """A server on a free port of this machine's loopback, ended with the block.

    It sees no GPU: this process may hold all memory of one, and kernels of another kind answer a little
    otherwise than the evaluation did.

    Args:
        command: with {models}, {name} and {port} where their values belong; {python} is this interpreter.
        models: folder with `<name>/<version>/`.
        name: of the model.
        log: file for what the server prints.

    Raises:
        InputError: there is no such command.
    """
    port = free_port()
    words = [word.format(python=sys.executable, models=models, name=name, port=port) for word in command]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(words, env=environment, stdout=output, stderr=subprocess.STDOUT)
        except OSError as error:
            raise InputError(f"infra_validation.command: {words[0]}: {error.strerror}") from error
    try:
        yield ModelServer(process, port, name, log)
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    # Between this and the server's own bind another process could take it; the server then ends and says so.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _ask(address: str, body: bytes | None = None) -> Any:
    # A proxy of the environment has no business on the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, body, _ANSWER_S) as answer:
        return json.load(answer)
