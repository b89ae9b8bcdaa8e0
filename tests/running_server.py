"""A server in a thread, and a client that asks it over HTTP."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.serving.options import Address, Limits
from pipeline.serving.server import Server

LIMITS = Limits(body_mb=2, image_pixels=2_000_000, images=8, concurrency=16, threads=2, timeout_s=20)


@dataclass
class Response:
    """Answer to an HTTP request."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Knows where a server is."""

    server: Server
    models: Path

    def http(
        self, path: str, body: bytes | dict[str, Any] | None = None, method: str | None = None, **headers: str
    ) -> Response:
        """GET, or POST of bytes or JSON."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        address = f"http://127.0.0.1:{self.server.rest_port}{path}"
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(address, content, names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, dict(error.headers), error.read())

    def predict(self, body: bytes | dict[str, Any], path: str = "/v1/models/ships:predict") -> Response:
        return self.http(path, body)


@contextmanager
def running(models: Path, limits: Limits = LIMITS, poll_s: float = 3600) -> Iterator[Client]:
    """A server on free ports; tests call `server.versions.refresh()` rather than wait for the watcher."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def in_loop(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)

    async def make() -> Server:
        return Server("ships", models / "ships", Address(rest_port=0, grpc_port=0), limits, poll_s)

    server: Server = in_loop(make())
    in_loop(server.start())
    try:
        yield Client(server, models)
    finally:
        in_loop(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
