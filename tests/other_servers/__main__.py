"""Sends the same JPEGs to `ships serve`, to Triton and to KServe's server, and compares what they answer.

`PYTHONPATH=tests python -m other_servers [--models runs/models] [--images FOLDER]`. Without --models the tiny
detector of the tests is served, for which bright is ship. Environments are made in build/other_servers
(2 GB each, from the package registry) and found there the next time.

Exit code: 0 all answers are alike, 1 some differ, 2 a server could not be asked.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
from benchmarks.report import show
from brightness_networks import encoded, scene
from rich.console import Console
from served_process import GrpcClient, RestClient, body, export_tiny, newest, ships_serve

from other_servers.comparison import compare, is_alike
from other_servers.environments import KSERVE, TRITON, OtherServer, OtherServerError, library_folder, make
from other_servers.exchange import OUTPUTS, Answers, Images, RefusedError, interview, load, write_images
from pipeline.serving.sample import sea_with_ships

_FOLDER = Path("build") / "other_servers"
_TESTS = Path(__file__).resolve().parents[1]
_PATIENCE_S = 900
_LOG_LINES = 15
_CONSOLE = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=Path, help="folder of pushed models; default: a tiny one is made")
    parser.add_argument("--images", type=Path, help="folder of JPEGs to send; default: generated ones")
    parser.add_argument("--python", default=sys.executable, help="interpreter for the environments, 3.9-3.12")
    parser.add_argument("--only", choices=[TRITON.name, KSERVE.name], help="only this server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        images = scratch / "images"
        images.mkdir()
        whole = _files(arguments.images) if arguments.images else _generated()
        first = next(iter(whole.values()))
        write_images(images, whole, damaged=first[: len(first) // 2])
        models = arguments.models or export_tiny(scratch)
        _CONSOLE.print(f"asking ships serve about {len(whole)} images ...")
        reference, by_grpc = _ask_ships_serve(models, images, scratch)
        rows, failed = [compare(reference, by_grpc)], False
        for server in (TRITON, KSERVE):
            if arguments.only in (None, server.name):
                try:
                    told = _ask_other(server, arguments.python, newest(models), images, scratch)
                    rows += [compare(reference, answers) for answers in told]
                except OtherServerError as error:
                    _CONSOLE.print(f"{server.name}: {error}", style="red", markup=False)
                    failed = True
    ships = sum(answer.ship_pixels > 0 for answer in reference.answers)
    found = f"{ships} of {len(reference.answers)} answers have ships"
    show(f"Against {reference.server} by {reference.protocol}: {found}", rows)
    if not all(map(is_alike, rows)):
        _CONSOLE.print("answers differ", style="red")
        return 1
    return 2 if failed else 0


def _generated() -> dict[str, bytes]:
    """JPEGs: open sea with ships, plain boxes, none, one edge above 768 px, a gray one."""
    sea = {f"sea_{seed}.jpg": sea_with_ships(seed) for seed in range(4)}
    gray = np.full((200, 300), 40, np.uint8)
    gray[20:50, 60:160] = 200
    return sea | {
        "boxes.jpg": encoded(scene(200, 300, (10, 20, 12, 25), (100, 200, 30, 40)), ".jpg"),
        "empty.jpg": encoded(scene(96, 64), ".jpg"),
        "gray.jpg": cv2.imencode(".jpg", gray)[1].tobytes(),
        "large.jpg": encoded(scene(900, 1300, (500, 700, 60, 200)), ".jpg"),
    }


def _files(folder: Path) -> dict[str, bytes]:
    found = sorted([*folder.glob("*.jpg"), *folder.glob("*.jpeg")])
    if not found:
        raise SystemExit(f"--images {folder}: no JPEGs there")
    return {path.name: path.read_bytes() for path in found}


def _ask_ships_serve(models: Path, images: Path, scratch: Path) -> tuple[Answers, Answers]:
    with ships_serve(models, scratch) as ports:
        rest, by_grpc = RestClient(ports.rest), GrpcClient(ports.grpc)

        def ask_rest(batch: Images) -> dict[str, Any]:
            status, told = rest.post(body(batch))
            if status != 200:
                raise RefusedError(f"{status}: {told['error']}")
            columns = {name: [row[name] for row in told["predictions"]] for name in OUTPUTS}
            return columns | {"encoded_pixels": [text.encode("ascii") for text in columns["encoded_pixels"]]}

        def ask_grpc(batch: Images) -> dict[str, Any]:
            try:
                return by_grpc.predict(batch)
            except grpc.RpcError as error:
                raise RefusedError(f"{error.code().name}: {error.details()}") from error

        return (
            interview("ships serve", "REST (v1)", images, ask_rest),
            interview("ships serve", "gRPC (TF Serving)", images, ask_grpc),
        )


def _ask_other(
    server: OtherServer, python: str, saved_model: Path, images: Path, scratch: Path
) -> Sequence[Answers]:
    _CONSOLE.print(
        f"{server.name}: making sure of {' '.join(server.requirements)} in {_FOLDER / server.name} ..."
    )
    interpreter = make(server, _FOLDER.absolute(), python)
    _CONSOLE.print(f"{server.name}: serving and asking ...")
    answers, log = scratch / f"{server.name}.json", scratch / f"{server.name}.log"
    command = [str(interpreter), "-m", server.module, str(saved_model.absolute()), str(images), str(answers)]
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                command, env=_surroundings(server, interpreter), stdout=output, stderr=output,
                timeout=_PATIENCE_S, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = None
    if code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        told = f"was not done after {_PATIENCE_S} s" if code is None else f"ended with exit code {code}"
        raise OtherServerError("\n".join([f"{told}; its last words:", *(line[:300] for line in lines)]))
    return load(answers)


def _surroundings(server: OtherServer, interpreter: Path) -> Mapping[str, str]:
    found = {**os.environ, "PYTHONPATH": str(_TESTS), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return found | {"LD_LIBRARY_PATH": library_folder(interpreter)} if server is TRITON else found


if __name__ == "__main__":
    sys.exit(main())
