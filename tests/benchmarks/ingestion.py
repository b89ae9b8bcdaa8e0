"""Ingestion and screening: images a second beside two floors, and memory by number of images.

    python -m benchmarks.ingestion --sizes 500 2000 --cores 1 2
    python -m benchmarks.ingestion --sizes 1000 10000 50000 --cores 2 --quality 60

The images are parts of a few originals, see `benchmarks.copies`. The floors are measured on the same
files, before and after each run of the largest size, since the speed of a virtual machine changes within
minutes: reading them, and decoding them on one core by the fastest of three decoders; and how many images a
process for each core decodes by OpenCV alone, since two cores may be less than twice one. Seconds are those
of the stages, without the loading of libraries; "CPU" is processor time, which does not grow where other
programs take part of the machine.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.copies import Original, labelled, repeat, unlabelled
from benchmarks.data_stages import run_apart
from benchmarks.report import Row, save, show
from components.processes import Processes

_GENERATED_SCENES = 12
_FLOOR_FILES = 300
_FLOOR_PASSES = 3


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Times ingestion and screening, and watches their memory.")
    parser.add_argument("--images", type=Path, help="folder of JPEG files to copy; without it generated")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000], help="numbers of images")
    parser.add_argument(
        "--cores", type=int, nargs="+", default=[1, 2], help="the largest size is run on each"
    )
    parser.add_argument(
        "--quality",
        type=int,
        default=95,
        help="JPEG quality of the copies, which lie on disk three times; at 60 they are a third as large",
    )
    parser.add_argument("--stages", nargs="+", default=["ShipExampleGen", "ImageScreener"])
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ships-bench-", dir=arguments.folder) as folder:
        figures = measure(
            Path(folder),
            arguments.images,
            arguments.sizes,
            arguments.cores,
            quality=arguments.quality,
            stages=arguments.stages,
        )
    save(arguments.output, figures)


def measure(
    folder: Path,
    images: Path | None,
    sizes: list[int],
    cores: list[int],
    *,
    quality: int,
    stages: list[str],
) -> dict[str, list[Row]]:
    """All figures; prints them as they come."""
    originals = unlabelled(images) if images else _generated(folder / "originals")
    data = folder / "data"
    repeat(originals, data, max(sizes), quality)
    files = sorted((data / "images").iterdir())[:_FLOOR_FILES]
    floors: list[Row] = []
    speed: list[Row] = []
    memory: list[Row] = []
    for count in sorted(cores):
        before = _floors(files), _decoded_a_second(files, count)
        told = _run(data, folder / "root", count, stages)
        after = _floors(files), _decoded_a_second(files, count)
        around = _mean_floors(before[0], after[0])
        floors += [{"cores of the run": count, **floor} for floor in around]
        decode_ms = min(float(floor["ms an image"]) for floor in around if floor["floor"] != "read")
        speed.append(
            _speed(told, stages, max(sizes), count, decode_ms) | {"decoded/s": (before[1] + after[1]) / 2}
        )
        for name, rate in (("times faster", "images/s"), ("decoding times faster", "decoded/s")):
            speed[-1][name] = float(speed[-1][rate]) / float(speed[0][rate])
        if count == max(cores):
            memory.append(_memory(told, max(sizes)))
    for size in sorted(sizes, reverse=True)[1:]:
        repeat(originals, data, size, quality)
        memory.append(_memory(_run(data, folder / "root", max(cores), stages), size))
    show(f"Floors on one core around the runs, {_FLOOR_FILES} files at most", floors)
    show(f"{' + '.join(stages)}, {max(sizes)} images", speed)
    memory.reverse()
    for row in memory:
        row["peak to that of the fewest"] = float(row["peak MB"]) / float(memory[0]["peak MB"])
    show(f"Resident memory on {max(cores)} cores, libraries included", memory)
    return {"floors": floors, "speed": speed, "memory": memory}


def _speed(told: dict[str, float], stages: list[str], size: int, count: int, decode_ms: float) -> Row:
    seconds = sum(told[stage] for stage in stages)
    ms, cpu_ms = seconds / size * 1000, told["CPU s"] / size * 1000
    return {
        "cores": count,
        **{f"{stage} s": told[stage] for stage in stages},
        "images/s": size / seconds,
        "images/s a core": size / seconds / count,
        "ms an image": ms,
        "times decoding": ms / decode_ms,
        "CPU ms an image": cpu_ms,
        "CPU times decoding": cpu_ms / decode_ms,
    }


def _memory(told: dict[str, float], size: int) -> Row:
    return {"images": size, "start MB": told["start MB"], "peak MB": told["peak MB"]}


def _generated(folder: Path) -> list[Original]:
    from pipeline.demo.dataset import generate

    made = generate(folder, scenes=_GENERATED_SCENES, faults=False)
    return labelled(made.images, made.labels)


def _run(data: Path, root: Path, cores: int, stages: list[str]) -> dict[str, float]:
    shutil.rmtree(root, ignore_errors=True)
    told = run_apart(
        data / "images",
        data / "labels.csv",
        data / "scenes.csv",
        root=root,
        cores=cores,
        stages=stages,
    )
    shutil.rmtree(root)
    return told


def _decoded_a_second(files: list[Path], count: int) -> float:
    """Images that so many processes, all at work on all of these files, decode in a second."""
    with Processes(count) as processes:
        list(processes.map(decode_all, [files[:1]] * count))
        started = time.perf_counter()
        list(processes.map(decode_all, [files] * count))
        return count * len(files) / (time.perf_counter() - started)


def decode_all(files: list[Path]) -> None:
    """Decodes files by OpenCV, which spreads no image over the cores in `Processes`."""
    import cv2
    import numpy as np

    for file in files:
        cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)


def _floors(files: list[Path]) -> list[Row]:
    """Milliseconds an image on one core: reading the bytes, and decoding by each decoder at hand."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:1])
    try:
        floors = [_floor("read", Path.read_bytes, files)]
        contents = [path.read_bytes() for path in files]
        floors += [_floor(name, decode, contents) for name, decode in _decoders().items()]
    finally:
        os.sched_setaffinity(0, cores)
    return floors


def _mean_floors(before: list[Row], after: list[Row]) -> list[Row]:
    return [
        _floor_row(str(one["floor"]), (float(one["ms an image"]) + float(other["ms an image"])) / 2)
        for one, other in zip(before, after, strict=True)
    ]


def _floor(name: str, work: Callable[[Any], object], items: Sequence[Any]) -> Row:
    # The mean, as that of a run: the best of several passes would be that of the machine's best seconds.
    started = time.perf_counter()
    for _ in range(_FLOOR_PASSES):
        for item in items:
            work(item)
    return _floor_row(name, (time.perf_counter() - started) / (_FLOOR_PASSES * len(items)) * 1000)


def _floor_row(name: str, ms: float) -> Row:
    return {"floor": name, "ms an image": ms, "images/s": 1000 / ms}


def _decoders() -> dict[str, Callable[[bytes], object]]:
    # TensorFlow sizes its pools when it is imported, here on one core.
    from io import BytesIO

    import cv2
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    cv2.setNumThreads(1)
    return {
        "cv2.imdecode": lambda jpeg: cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR),
        "tf.io.decode_jpeg": lambda jpeg: np.asarray(tf.io.decode_jpeg(jpeg, channels=3)),
        "PIL.Image": lambda jpeg: np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")),
    }


if __name__ == "__main__":
    main()
