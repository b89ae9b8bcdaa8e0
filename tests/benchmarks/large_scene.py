"""A scene too large for memory through `ships predict`: `python -m benchmarks.large_scene`.

A GeoTIFF of dark sea with bright ships is written strip by strip and predicted by a process of its own, whose
memory is watched. Without --models a tiny network is used for which bright is ship, so that what is measured
is the reading, tiling and joining rather than a network, and so that the ships to be found are known.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import rasterio

from benchmarks.report import Row, save, show

_STRIP_PX = 512
_SEA, _SHIP = 40, 220
_INTERVAL_S = 0.05


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Memory and time of `ships predict` on large scenes.")
    parser.add_argument("--edges", nargs="+", type=int, default=[5_000, 10_000, 20_000], help="in px")
    parser.add_argument("--models", type=Path, help="folder of pushed models; default: a tiny one")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        models = arguments.models or _tiny_models(root)
        for edge_px in arguments.edges:
            scene = root / f"{edge_px}.tif"
            ships = write_scene(scene, edge_px)
            rows.append(_predicted(scene, edge_px, ships, models))
            scene.unlink()
    show("ships predict --format geojson on one GeoTIFF", rows)
    save(arguments.output, {"scenes": rows})


def write_scene(path: Path, edge_px: int) -> int:
    """Write a square GeoTIFF strip by strip; the number of its ships.

    One ship in every 400 px of either direction, 20 x 90 px, askew to all borders of windows.
    """
    step_px, long_px, wide_px = 400, 90, 20
    columns = np.arange(edge_px)
    transform = rasterio.transform.from_origin(500_000, 6_000_000, 3, 3)
    with rasterio.open(
        path, "w", driver="GTiff", height=edge_px, width=edge_px, count=3, dtype="uint8", crs="EPSG:32633",
        transform=transform, compress="deflate", blockysize=_STRIP_PX,
    ) as file:  # fmt: skip
        for top in range(0, edge_px, _STRIP_PX):
            rows = np.arange(top, min(top + _STRIP_PX, edge_px))
            ships = np.outer(rows % step_px < wide_px, columns % step_px < long_px)
            strip = np.where(ships, _SHIP, _SEA).astype(np.uint8)
            window = rasterio.windows.Window(0, top, edge_px, len(rows))
            file.write(np.broadcast_to(strip, (3, *strip.shape)), window=window)
    return (-(-edge_px // step_px)) ** 2


def _predicted(scene: Path, edge_px: int, ships: int, models: Path) -> Row:
    output = scene.with_suffix(".geojson")
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "predict", str(scene)]
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "--models", str(models), "--format", "geojson", "-o", str(output)]
    ) as process:
        peak_mb = _watched(process)
    if process.returncode:
        raise SystemExit(f"ships predict ended with {process.returncode}")
    seconds = time.perf_counter() - started
    found = len(json.loads(output.read_text())["features"])
    return {
        "edge px": edge_px,
        "image MB": edge_px**2 * 3 / 2**20,
        "seconds": seconds,
        "peak MB": peak_mb,
        "ships": ships,
        "found": found,
    }


def _watched(process: subprocess.Popen[bytes]) -> float:
    """Highest resident memory of a process in MB."""
    peak = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(_INTERVAL_S):
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    ended.set()
    watcher.join()
    return peak / 2**20


def _tiny_models(root: Path) -> Path:
    from served_models import export_bright_detector

    (root / "statistics").mkdir()
    export_bright_detector(root / "models" / "ships" / "1", root / "statistics")
    return root / "models"


if __name__ == "__main__":
    main()
