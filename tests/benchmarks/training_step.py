"""A training step of our plain U-Net beside that of its PyTorch twin: `python -m benchmarks.training_step`.

Both have the same layers, weights at the start, loss, optimizer, batches, noise and number of threads, read
the loss after each step, and run on the CPU, or with `--gpu` on the GPU that both see. The twin runs in
channels_last, its fast form, and in PyTorch's default layout. Each is a process of its own that lives
throughout and steps by turns with the others, so that what else the machine does meets all of them. That the
twin is one is checked first: number of weights, logits and loss on the same batch.

On a GPU both convolve in TF32, as they do unless told otherwise, so that they are less alike. The twin's
batches wait there; ours come from the host, as in training. `KERAS_BACKEND=jax` runs ours with JAX.

PyTorch comes from an environment of its own, made on first use; `--torch-python` names another one.

A process is asked for a round of steps by a line, and answers with a line of JSON: first, unasked,
`parameters`, `loss` (of the first batch, without noise) and `version`, then `seconds` and `cpu_seconds` of
each round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import IO, Any, NamedTuple

import numpy as np

from benchmarks.report import Row, save, show
from benchmarks.torch_environment import torch_python
from pipeline.demo.scenes import render_scene

_BATCHES = 8
_SCENE_PX = 1024
_LAYOUTS = ("channels_last", "default")
_HERE = Path(__file__).parent
# TF32 keeps 10 bits behind the point.
_LOGITS_TOLERANCE, _TF32_LOGITS_TOLERANCE = 1e-3, 5e-2
_LOSS_TOLERANCE, _TF32_LOSS_TOLERANCE = 1e-4, 5e-3


class Stepper(NamedTuple):
    """A process that makes training steps when it is asked to.

    Attributes:
        name: for the table.
        logits: file with its logits float32 [B, C, C, 1] of the first batch.
        first: what it told unasked.
        asked: where it is asked.
        told: where it answers.
    """

    name: str
    logits: Path
    first: dict[str, Any]
    asked: IO[str]
    told: IO[str]

    def round(self) -> dict[str, Any]:
        """Seconds and CPU seconds of a round of steps."""
        self.asked.write("\n")
        self.asked.flush()
        return _answer(self.told)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="A training step of the plain U-Net beside PyTorch's.")
    parser.add_argument("--torch-python", type=Path, help="a Python with PyTorch and numpy; default: made")
    parser.add_argument(
        "--environment", type=Path, default=Path("build/torch"), help="where it is made; default build/torch"
    )
    parser.add_argument("--gpu", action="store_true", help="on the GPU; default: on the CPU")
    parser.add_argument("--cores", type=int, help="cores and threads of each process; default: all")
    parser.add_argument("--batch", type=int, default=8, help="crops a step; default 8")
    parser.add_argument("--crop", type=int, default=256, help="edge of a crop in px; default 256")
    parser.add_argument("--steps", type=int, default=10, help="steps a round; default 10")
    parser.add_argument("--rounds", type=int, default=9, help="rounds after the warm-up; default 9")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    python = torch_python(arguments.torch_python, arguments.environment)
    cores = arguments.cores or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="ships-bench-") as folder:
        write_batches(Path(folder), arguments.batch, arguments.crop)
        rows = measure(
            Path(folder),
            python,
            cores=cores,
            steps=arguments.steps,
            rounds=arguments.rounds,
            gpu=arguments.gpu,
        )
    where = "one GPU" if arguments.gpu else f"{cores} threads"
    title = f"Training step, {arguments.batch} crops of {arguments.crop} px, {where}"
    show(f"{title}, {arguments.rounds} rounds of {arguments.steps} steps by turns", rows)
    save(
        arguments.output, {"batch": arguments.batch, "crop px": arguments.crop, "cores": cores, "steps": rows}
    )


def write_batches(folder: Path, batch: int, crop_px: int) -> None:
    """Write images.npy, uint8 [8, B, C, C, 3] of 0-255, and masks.npy, uint8 [8, B, C, C, 1] of 0 and 1."""
    random = np.random.default_rng(0)
    scene = render_scene(
        random, (_SCENE_PX, _SCENE_PX), source="open_sea", fleet="crowd", weather="clear", longest_px=crop_px
    )
    corners = random.integers(0, _SCENE_PX - crop_px + 1, (_BATCHES, batch, 2))
    for name, pixels in (("images", scene.pixels), ("masks", (scene.instances > 0)[..., None])):
        crops = np.array(
            [
                [pixels[top : top + crop_px, left : left + crop_px] for top, left in corners_of_one]
                for corners_of_one in corners
            ],
            np.uint8,
        )
        np.save(folder / f"{name}.npy", crops)


def measure(folder: Path, torch: Path, *, cores: int, steps: int, rounds: int, gpu: bool) -> list[Row]:
    """Milliseconds a step, median over rounds, and what share of each twin's time ours takes.

    Raises:
        AssertionError: the twin is none.
        SystemExit: a process ended early.
    """
    shared = [str(folder), f"--cores={cores}", f"--steps={steps}", f"--rounds={rounds + 1}"]
    with ExitStack() as processes:
        # Ours first: it writes the weights that the twins take.
        command = [sys.executable, "-m", "benchmarks.keras_unet_steps", *shared]
        steppers = [processes.enter_context(_stepper("ours", folder / "ours.npy", command, gpu))]
        for layout in _LAYOUTS:
            command = [str(torch), str(_HERE / "torch_unet_steps.py"), *shared, f"--layout={layout}"]
            if gpu:
                command.append("--device=cuda")
            twin = _stepper(f"twin, {layout}", folder / f"{layout}.npy", command, gpu)
            steppers.append(processes.enter_context(twin))
        likenesses = [_likeness(steppers[0], stepper, tf32=gpu) for stepper in steppers]
        for stepper in steppers:
            # Compiles, fills caches and starts threads.
            stepper.round()
        took: list[list[dict[str, Any]]] = [[] for _ in steppers]
        for turn in range(rounds):
            # Another one begins each round, so that none always comes behind the same.
            for place in range(len(steppers)):
                number = (turn + place) % len(steppers)
                took[number].append(steppers[number].round())
    rows: list[Row] = []
    for stepper, answers, likeness in zip(steppers, took, likenesses, strict=True):
        ms, cpu_ms = (
            [answer[key] / steps * 1000 for answer in answers] for key in ("seconds", "cpu_seconds")
        )
        ours = rows[0] if rows else {"ms a step": median(ms), "CPU ms": median(cpu_ms)}
        rows.append(
            {
                "what": f"{stepper.name} ({stepper.first['version']})",
                "ms a step": median(ms),
                "least": min(ms),
                "greatest": max(ms),
                "CPU ms": median(cpu_ms),
                "ours to it": float(ours["ms a step"]) / median(ms),
                "by CPU ms": float(ours["CPU ms"]) / median(cpu_ms),
                "weights": int(stepper.first["parameters"]),
                "logits differ by": likeness,
            }
        )
    return rows


def _likeness(ours: Stepper, other: Stepper, *, tf32: bool) -> float:
    """The greatest difference of their logits on the same batch, by the same weights."""
    counts = ours.first["parameters"], other.first["parameters"]
    assert counts[0] == counts[1], f"{other.name} has {counts[1]} weights, ours {counts[0]}"
    difference = float(np.abs(np.load(ours.logits) - np.load(other.logits)).max())
    logits_tolerance = _TF32_LOGITS_TOLERANCE if tf32 else _LOGITS_TOLERANCE
    loss_tolerance = _TF32_LOSS_TOLERANCE if tf32 else _LOSS_TOLERANCE
    assert difference <= logits_tolerance, f"the logits of {other.name} differ by {difference}"
    losses = ours.first["loss"], other.first["loss"]
    assert abs(losses[0] - losses[1]) <= loss_tolerance, (
        f"the loss of {other.name} is {losses[1]}, ours {losses[0]}"
    )
    return difference


@contextmanager
def _stepper(name: str, logits: Path, command: Sequence[str], gpu: bool) -> Iterator[Stepper]:
    """Start a process; end it at the end if it has not ended by itself."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if gpu:
        # The processes share it.
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    else:
        # A GPU that only one of them could use would say nothing about the other.
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Stepper(name, logits, _answer(process.stdout), process.stdin, process.stdout)
            process.wait()
        finally:
            process.kill()


def _answer(told: IO[str]) -> dict[str, Any]:
    line = told.readline()
    if not line:
        # It has told standard error why.
        raise SystemExit("a process of the benchmark ended before it answered")
    answer: dict[str, Any] = json.loads(line)
    return answer


if __name__ == "__main__":
    main()
