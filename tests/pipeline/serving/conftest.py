"""One server for many tests, with a tiny detector whose answer one can tell by eye."""

import asyncio
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from brightness_networks import CLASSIFIER_PX, classifier, segmenter

from components.ship_detector.detector import ShipDetector
from components.ship_detector.export import export
from components.ship_detector.settings import DetectorSettings
from components.transform.settings import ContrastSettings
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


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector for which bright is ship."""
    folder = tmp_path_factory.mktemp("detector")
    detector = ShipDetector(
        classifier(),
        CLASSIFIER_PX,
        segmenter(),
        ContrastSettings(),
        DetectorSettings(tile_px=256, overlap_px=32),
    )
    export(detector, {"thresholds": {}}, str(tmp_path_factory.mktemp("statistics")), str(folder))
    return folder


@pytest.fixture(scope="session")
def client(saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The server that most tests ask; version 7."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(saved_model, models / "ships" / "7")
    with running(models) as client:
        yield client
