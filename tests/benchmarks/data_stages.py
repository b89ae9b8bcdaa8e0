"""Runs the data stages alone, as a local run would, and tells what they took.

A process of its own, so that its memory is that of the stages and the number of cores can be limited.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

# How often memory is looked at, which takes some milliseconds of processor time; growth takes seconds.
_INTERVAL_S = 0.25
_STAGES = ("ShipExampleGen", "ImageScreener", "StatisticsGen", "ShipSampler", "Transform")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Runs the data stages alone.")
    for name in ("images", "labels", "root"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--scenes", type=Path, help="table of scenes; default: none")
    parser.add_argument("--cores", type=int, help="use so many cores; default: all")
    parser.add_argument("--stages", nargs="+", choices=_STAGES, default=_STAGES[:2])
    arguments = parser.parse_args()
    if arguments.cores:
        # Before TensorFlow is imported, which sizes its pools by it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    figures = run(
        arguments.images, arguments.labels, arguments.scenes, root=arguments.root, stages=arguments.stages
    )
    print(json.dumps(figures))


def run_apart(
    images: Path, labels: Path, scenes: Path | None, *, root: Path, cores: int, stages: Sequence[str]
) -> dict[str, float]:
    """As `run`, in a process of its own.

    Raises:
        SystemExit: it failed; the message is what it told.
    """
    command = [sys.executable, "-m", "benchmarks.data_stages", "--root", root, "--cores", cores]
    command += ["--images", images, "--labels", labels, *(["--scenes", scenes] if scenes else [])]
    done = subprocess.run(
        [*map(str, command), "--stages", *stages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stderr}\nbenchmarks.data_stages failed")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run(
    images: Path, labels: Path, scenes: Path | None, *, root: Path, stages: Sequence[str]
) -> dict[str, float]:
    """Runs the stages through ML Metadata and the local runner.

    Returns:
        Seconds by stage, "CPU s" of all, "start MB" (resident before the first stage, libraries loaded) and
        "peak MB" of this process with its children.
    """
    # Heavy, and to be loaded after the number of cores is set.
    from tfx import v1 as tfx

    from components.image_screener.component import ImageScreener
    from components.ship_example_gen.component import ShipExampleGen
    from components.ship_sampler.component import ShipSampler
    from pipeline.dag import transform_stage
    from pipeline.local import run_locally
    from pipeline.settings import Settings
    from schemas import SHIP_IMAGES

    settings = Settings()
    example_gen = ShipExampleGen(str(images), str(labels), str(scenes or ""), settings.ingestion)
    raw = example_gen.outputs["examples"]
    schema = tfx.components.ImportSchemaGen(schema_file=str(SHIP_IMAGES))
    screener = ImageScreener(raw, schema.outputs["schema"], settings.screening)
    sampler = ShipSampler(screener.outputs["examples"], settings.sampling)
    made = {
        "ShipExampleGen": example_gen,
        "ImageScreener": screener,
        "StatisticsGen": tfx.components.StatisticsGen(examples=raw, schema=schema.outputs["schema"]),
        "ShipSampler": sampler,
        "Transform": transform_stage(
            sampler.outputs["sampled_examples"], schema.outputs["schema"], settings.contrast
        ),
    }
    root.mkdir(parents=True, exist_ok=True)
    dag = tfx.dsl.Pipeline(
        pipeline_name="data",
        pipeline_root=str(root / "artifacts"),
        components=[schema, *(made[stage] for stage in stages)],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.sqlite")
        ),
    )
    with _stage_seconds() as seconds, _memory() as memory:
        started_s = _cpu_s()
        run_locally(dag, time.strftime("%Y%m%d-%H%M%S"))
        cpu_s = _cpu_s() - started_s
    return {**{stage: seconds[stage] for stage in stages}, "CPU s": cpu_s, **memory}


def _cpu_s() -> float:
    """Processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


@contextmanager
def _stage_seconds() -> Iterator[dict[str, float]]:
    """Collects how long the stages took, as the local run tells it."""
    from pipeline.stages import LOGGER

    seconds: dict[str, float] = {}

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = getattr(record, "stage_event", None)
            if event and event.state == "done":
                seconds[event.stage] = event.seconds

    listener = Listener()
    LOGGER.addHandler(listener)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield seconds
    finally:
        LOGGER.removeHandler(listener)


@contextmanager
def _memory() -> Iterator[dict[str, float]]:
    """Measures "start MB" and "peak MB" of the block: resident memory of this process and its children."""
    memory = {"start MB": _resident_mb(), "peak MB": 0.0}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_INTERVAL_S):
            memory["peak MB"] = max(memory["peak MB"], _resident_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


def _resident_mb() -> float:
    this = psutil.Process()
    resident = this.memory_info().rss
    for child in this.children(recursive=True):
        try:
            resident += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return float(resident) / 2**20


if __name__ == "__main__":
    main()
