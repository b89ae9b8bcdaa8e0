"""`ships serve` on one 768 x 768 JPEG at a time: `python -m benchmarks.serving`.

The server is a process of its own on this machine, the clients are threads of this one. Beside it, in this
process and in the same run: the SavedModel called without any protocol, and its two networks alone, without
decoding, contrast, thresholds and run lengths. Without --models a detector of the default settings is
exported, untrained: it takes as long as a trained one, and finds nothing. `--soak N` sends N requests
instead.
"""

import argparse
import http.client
import json
import socket
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.report import Row, save, show
from components.infra_validator.server import serving
from components.transform.decoding import decode_rgb
from pipeline.serving.sample import sea_with_ships

_NAME = "ships"
_IMAGES = 4
_CLIENTS = (1, 4)
_WARM_UP = 5
_START_S = 180.0
_PATH = f"/v1/models/{_NAME}:predict"

Ask = Callable[[int], float]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Latency and throughput of ships serve; a soak of it.")
    parser.add_argument("--models", type=Path, help="folder of pushed models; default: an untrained one")
    parser.add_argument("--requests", type=int, default=100, help="for each figure; default 100")
    parser.add_argument("--soak", type=int, help="instead: so many requests, 1 %% of them broken")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or _export(Path(folder), tiny=bool(arguments.soak))
        if arguments.soak:
            rows = soak(models, arguments.soak, Path(folder))
            show(f"{arguments.soak} requests by 4 clients, every hundredth a truncated JPEG", rows)
        else:
            rows = measure(models, arguments.requests, Path(folder))
            show(f"One 768 x 768 JPEG to run lengths, {arguments.requests} requests a row", rows)
    save(arguments.output, {"soak" if arguments.soak else "serving": rows})


def measure(models: Path, requests: int, scratch: Path) -> list[Row]:
    """Latencies in ms and requests a second of the networks, the SavedModel, REST and gRPC."""
    images = [sea_with_ships(seed) for seed in range(_IMAGES)]
    version = max((models / _NAME).iterdir(), key=lambda folder: int(folder.name))
    model: Any = tf.saved_model.load(str(version))
    rows = [
        _timed("networks alone", 1, requests, _networks(model, images)),
        _timed("SavedModel call", 1, requests, _signature(model, images)),
    ]
    bare_ms = float(rows[-1]["p50 ms"])
    if hasattr(model, "_classify"):
        # As if the classifier saw no ship: above every probability.
        usual = model.classifier_threshold.numpy()
        model.classifier_threshold.assign(2.0)
        rows.append(_timed("SavedModel call, no ship", 1, requests, _signature(model, images)))
        model.classifier_threshold.assign(usual)
    del model
    with _server(models, scratch) as (rest_port, grpc_port):
        for clients in _CLIENTS:
            for name, client in (("REST", _rest(rest_port, images)), ("gRPC", _grpc(grpc_port, images))):
                rows.append(_timed(name, clients, requests, client))
    for row in rows:
        row["% over SavedModel"] = (float(row["p50 ms"]) / bare_ms - 1) * 100 if row["clients"] == 1 else ""
    return rows


def soak(models: Path, requests: int, scratch: Path) -> list[Row]:
    """Counts answers and looks at the server's memory, a row for each tenth of the requests.

    Raises:
        SystemExit: an answer is lost, or is not what it should be.
    """
    good = sea_with_ships(0)
    bodies = {False: _body(good), True: _body(good[: len(good) // 2])}
    rows: list[Row] = []
    with _server(models, scratch) as (port, _), ThreadPoolExecutor(max(_CLIENTS)) as pool:
        (process,) = psutil.Process().children()
        connections = threading.local()

        def ask(number: int) -> str:
            broken = number % 100 == 99
            if not hasattr(connections, "rest"):
                connections.rest = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connections.rest.request("POST", _PATH, bodies[broken])
                answer = connections.rest.getresponse()
                told = json.load(answer)
            except (OSError, ValueError, http.client.HTTPException):
                return "lost"
            expected = answer.status == (400 if broken else 200) and ("error" in told) == broken
            return ("refused" if broken else "answered") if expected else "wrong"

        for tenth in np.array_split(np.arange(requests), 10):
            started = time.perf_counter()
            outcomes = list(pool.map(ask, tenth.tolist()))
            seconds = time.perf_counter() - started
            counts = {what: outcomes.count(what) for what in ("answered", "refused", "wrong", "lost")}
            rows.append(
                {
                    "requests": int(tenth[-1]) + 1,
                    **counts,
                    "per s": len(tenth) / seconds,
                    "server MB": process.memory_info().rss / 2**20,
                }
            )
    if any(row["wrong"] or row["lost"] for row in rows):
        show("lost or wrong answers", rows)
        raise SystemExit(1)
    return rows


def _timed(what: str, clients: int, requests: int, connect: Callable[[], Ask]) -> Row:
    """Latencies over all clients, each of which asks again as soon as it is answered."""
    latencies_s: list[float] = []

    def work(_: int) -> None:
        ask = connect()
        for number in range(_WARM_UP):
            ask(number)
        ready.wait()
        latencies_s.extend([ask(number) for number in range(requests // clients)])

    ready = threading.Barrier(clients + 1)
    with ThreadPoolExecutor(clients) as pool:
        done = [pool.submit(work, client) for client in range(clients)]
        ready.wait()
        started = time.perf_counter()
        for one in done:
            one.result()
        seconds = time.perf_counter() - started
    p50, p99 = np.percentile(latencies_s, [50, 99]) * 1000
    return {
        "what": what,
        "clients": clients,
        "p50 ms": float(p50),
        "p99 ms": float(p99),
        "per s": len(latencies_s) / seconds,
    }


def _networks(model: Any, images: list[bytes]) -> Callable[[], Ask]:
    """Both networks on pixels; with 768 px, the segmenter's tiling is a single tile."""
    pixels = [decode_rgb(tf.constant(image)) for image in images]

    def ask(number: int) -> float:
        started = time.perf_counter()
        image = pixels[number % len(pixels)]
        if hasattr(model, "_classify"):
            model._classify(image).numpy()
        model._segment(image).numpy()
        return time.perf_counter() - started

    return lambda: ask


def _signature(model: Any, images: list[bytes]) -> Callable[[], Ask]:
    serve = model.signatures["serving_default"]

    def ask(number: int) -> float:
        started = time.perf_counter()
        serve(image_bytes=tf.constant([images[number % len(images)]]))["encoded_pixels"].numpy()
        return time.perf_counter() - started

    return lambda: ask


def _rest(port: int, images: list[bytes]) -> Callable[[], Ask]:
    def connect() -> Ask:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def ask(number: int) -> float:
            started = time.perf_counter()
            connection.request("POST", _PATH, _body(images[number % len(images)]))
            json.load(connection.getresponse())["predictions"][0]["encoded_pixels"]
            return time.perf_counter() - started

        return ask

    return connect


def _grpc(port: int, images: list[bytes]) -> Callable[[], Ask]:
    def connect() -> Ask:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(number: int) -> float:
            started = time.perf_counter()
            request = predict_pb2.PredictRequest()
            request.model_spec.name = _NAME
            request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([images[number % len(images)]]))
            tf.make_ndarray(stub.Predict(request, timeout=60).outputs["encoded_pixels"])
            return time.perf_counter() - started

        return ask

    return connect


def _body(image: bytes) -> bytes:
    return b'{"instances": [{"b64": "' + b64encode(image) + b'"}]}'


@contextmanager
def _server(models: Path, scratch: Path) -> Iterator[tuple[int, int]]:
    """REST and gRPC port of `ships serve` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        grpc_port = probe.getsockname()[1]
    command = ["{python}", "-m", "pipeline.cli", "serve", "--models={models}", "--rest-port={port}"]
    with serving([*command, f"--grpc-port={grpc_port}"], models, _NAME, scratch / "server.log") as server:
        server.wait_until_ready(_START_S)
        yield server.port, grpc_port


def _export(folder: Path, tiny: bool) -> Path:
    from served_models import export_bright_detector

    (folder / "statistics").mkdir()
    version = folder / "models" / _NAME / "1"
    if tiny:
        export_bright_detector(version, folder / "statistics")
    else:
        _export_untrained(version, folder / "statistics")
    return folder / "models"


def _export_untrained(version: Path, statistics: Path) -> None:
    """The detector of the default settings, untrained; its classifier lets every image through."""
    from components.ship_detector.detector import ShipDetector
    from components.ship_detector.export import export
    from components.ship_detector.thresholds import Thresholds
    from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
    from pipeline.settings import Settings

    settings = Settings()
    detector = ShipDetector(
        CLASSIFIERS[settings.classifier.architecture](settings.classifier),
        SEGMENTERS[settings.segmenter.architecture](settings.segmenter),
        settings.contrast,
        settings.detector,
    )
    detector.set_thresholds(
        Thresholds(0.999, ship_threshold=0.0, min_ship_pixels=0, classifier_threshold=0.0)
    )
    export(detector, {"thresholds": {}}, str(statistics), str(version))


if __name__ == "__main__":
    main()
