"""`ships serve` on one 768 x 768 JPEG at a time: `python -m benchmarks.serving`.

The server is a process of its own on this machine, the clients are threads of this one. Beside it, in this
process: the SavedModel called without any protocol, and its two networks alone, without decoding,
contrast, thresholds and run lengths. Without --models a detector of the default settings is exported,
untrained: it takes as long as a trained one, and finds nothing.

What is compared takes turns, request by request and in another order each time, so that whatever else
the machine does meets all alike. What a protocol costs is the ratio of its median to that of the bare call,
with the interval in which 95 % of the ratios of resampled rounds lie: an interval of many per cent says that
the machine was too busy to tell.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from served_process import GrpcClient, Ports, RestClient, body, export_untrained, newest, ships_serve

from benchmarks.report import Row, save, show
from components.transform.decoding import decode_rgb
from pipeline.serving.sample import sea_with_ships

_IMAGES = 4
_CLIENTS = 4
_BLOCKS = 5
_WARM_UP = 5
_RESAMPLES = 2000
_BARE = "SavedModel call"

# Asks about the image of a number and waits for the run lengths.
Ask = Callable[[int], Any]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Latency and throughput of ships serve.")
    parser.add_argument("--models", type=Path, help="folder of pushed models; default: an untrained one")
    parser.add_argument(
        "--requests",
        type=int,
        default=100,
        help="for each figure; default 100, six minutes and more on two cores",
    )
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or export_untrained(Path(folder))
        one, several = measure(models, arguments.requests, Path(folder))
    show(f"One 768 x 768 JPEG to run lengths, {arguments.requests} requests a row, taking turns", one)
    show(f"{_CLIENTS} clients at once, {_BLOCKS} blocks a row, taking turns", several)
    save(arguments.output, {"serving": one, "serving, several clients": several})


def measure(models: Path, requests: int, scratch: Path) -> tuple[list[Row], list[Row]]:
    """Figures of one client (networks, SavedModel, REST, gRPC), and of several (REST, gRPC)."""
    images = [sea_with_ships(seed) for seed in range(_IMAGES)]
    model: Any = tf.saved_model.load(str(newest(models)))
    with ships_serve(models, scratch) as ports:
        ways: dict[str, Ask] = {"networks alone": _networks(model, images), _BARE: _signature(model, images)}
        if hasattr(model, "_classify"):
            ways["SavedModel call, no ship"] = _no_ship(model, images)
        protocols = _protocols(ports, images)
        ways |= {name: connect() for name, connect in protocols.items()}
        latencies_s = take_turns(ways, requests)
        several = _several(protocols, requests)
    return [_row(name, latencies_s) for name in ways], several


def take_turns(ways: Mapping[str, Ask], rounds: int) -> dict[str, npt.NDArray[np.float64]]:
    """Seconds of each way [rounds]; the same image in a round, the order rotated from one to the next."""
    for number in range(_WARM_UP):
        for ask in ways.values():
            ask(number)
    latencies_s = {name: np.zeros(rounds) for name in ways}
    names = list(ways)
    for number in range(rounds):
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            started = time.perf_counter()
            ways[name](number)
            latencies_s[name][number] = time.perf_counter() - started
    return latencies_s


def overhead(over: npt.NDArray[np.float64], bare: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """By how many per cent the median is above another, and the 95 % interval of that by the bootstrap.

    Args:
        over: seconds [rounds].
        bare: seconds [rounds] of the same rounds.
    """
    rounds = np.random.default_rng(0).integers(0, len(bare), (_RESAMPLES, len(bare)))
    ratios = np.median(over[rounds], axis=1) / np.median(bare[rounds], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return tuple(float(ratio - 1) * 100 for ratio in (np.median(over) / np.median(bare), low, high))  # type: ignore[return-value]


def _row(name: str, latencies_s: Mapping[str, npt.NDArray[np.float64]]) -> Row:
    seconds = latencies_s[name]
    percent, low, high = overhead(seconds, latencies_s[_BARE])
    return {
        "what": name,
        **_percentiles(seconds),
        "per s": 1 / float(seconds.mean()),
        "% over SavedModel": percent,
        "from": low,
        "to": high,
    }


def _percentiles(seconds: npt.NDArray[np.float64]) -> Row:
    names = ("p25 ms", "p50 ms", "p75 ms", "p99 ms")
    return dict(zip(names, (np.percentile(seconds, [25, 50, 75, 99]) * 1000).tolist(), strict=True))


def _several(protocols: Mapping[str, Callable[[], Ask]], requests: int) -> list[Row]:
    """Each client asks again as soon as it is answered; protocols take turns in blocks."""
    latencies_s: dict[str, list[float]] = {name: [] for name in protocols}
    busy_s = dict.fromkeys(protocols, 0.0)
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for _ in range(_BLOCKS):
            for name, connect in protocols.items():
                each = max(1, requests // (_BLOCKS * _CLIENTS))
                block_s, seconds = _block(pool, connect, each)
                latencies_s[name] += block_s
                busy_s[name] += seconds
    return [
        {
            "what": name,
            "requests": len(seconds),
            **_percentiles(np.array(seconds)),
            "per s": len(seconds) / busy_s[name],
        }
        for name, seconds in latencies_s.items()
    ]


def _block(
    pool: ThreadPoolExecutor, connect: Callable[[], Ask], requests_each: int
) -> tuple[list[float], float]:
    """Seconds of each request, and of all of them together."""
    ready = threading.Barrier(_CLIENTS + 1)

    def work(_: int) -> list[float]:
        ask = connect()
        ready.wait()
        marks = [time.perf_counter()]
        for number in range(requests_each):
            ask(number)
            marks.append(time.perf_counter())
        seconds: list[float] = np.diff(marks).tolist()
        return seconds

    clients = [pool.submit(work, client) for client in range(_CLIENTS)]
    ready.wait()
    started = time.perf_counter()
    latencies_s = [one for client in clients for one in client.result()]
    return latencies_s, time.perf_counter() - started


def _networks(model: Any, images: Sequence[bytes]) -> Ask:
    """Both networks on pixels; with 768 px, the segmenter's tiling is a single tile."""
    pixels = [decode_rgb(tf.constant(image)) for image in images]

    def ask(number: int) -> None:
        image = pixels[number % len(pixels)]
        if hasattr(model, "_classify"):
            model._classify(image).numpy()
        model._segment(image).numpy()

    return ask


def _signature(model: Any, images: Sequence[bytes]) -> Ask:
    serve = model.signatures["serving_default"]
    return lambda number: serve(image_bytes=tf.constant([images[number % len(images)]]))[
        "encoded_pixels"
    ].numpy()


def _no_ship(model: Any, images: Sequence[bytes]) -> Ask:
    """As if the classifier saw no ship: its threshold is above every probability for the time of a call."""
    ask, usual = _signature(model, images), model.classifier_threshold.numpy()

    def silenced(number: int) -> None:
        model.classifier_threshold.assign(2.0)
        ask(number)
        model.classifier_threshold.assign(usual)

    return silenced


def _protocols(ports: Ports, images: Sequence[bytes]) -> dict[str, Callable[[], Ask]]:
    """For each protocol: what makes a client of its own."""

    def by_rest() -> Ask:
        client = RestClient(ports.rest)
        return lambda number: client.post(body([images[number % len(images)]]))[1]["predictions"][0][
            "encoded_pixels"
        ]

    def by_grpc() -> Ask:
        client = GrpcClient(ports.grpc)
        return lambda number: client.predict([images[number % len(images)]])["encoded_pixels"]

    return {"REST": by_rest, "gRPC": by_grpc}


if __name__ == "__main__":
    main()
