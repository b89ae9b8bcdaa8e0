"""`ships serve`: from the command line to a running server."""

import asyncio
import logging
import os
import signal
import warnings
from pathlib import Path

from rich.console import Console

from components.errors import InputError
from pipeline.serving.options import Address, Limits

# TensorFlow reads it when it is imported. Whatever goes wrong also comes as an exception and is told by us;
# else every damaged image would write a line of the graph's insides.
_TENSORFLOW_LOG = ("TF_CPP_MIN_LOG_LEVEL", "3")


def check_store(models: Path, name: str) -> Path:
    """Folder of the versions of a model; it need not be there yet, the folder of models must.

    Raises:
        InputError: no such folder, or it is the model's own.
    """
    if not models.is_dir():
        raise InputError(f"--models {models}: no such folder; a run pushes its models into <root>/models")
    if any(entry.name.isdigit() and (entry / "saved_model.pb").exists() for entry in models.iterdir()):
        raise InputError(
            f"--models {models}: holds versions; give the folder above it and --name {models.name}"
        )
    return models / name


def serve(models: Path, name: str, address: Address, limits: Limits, poll_s: float) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are still answered.

    Args:
        models: folder with a folder for each model.
        name: of the model.
        address: where to listen.
        limits: of the requests.
        poll_s: how often to look for new versions.

    Raises:
        InputError: the folder or a port cannot be used.
    """
    folder = check_store(models, name)
    os.environ.setdefault(*_TENSORFLOW_LOG)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("ships.serving").setLevel(logging.INFO)
    with Console(stderr=True).status("Loading TensorFlow ..."), warnings.catch_warnings():
        # Of Google's libraries, about the end of this Python's life.
        warnings.simplefilter("ignore", FutureWarning)
        from pipeline.serving.server import Server  # noqa: PLC0415 - imports TensorFlow

    async def until_told_to_end() -> None:
        server = Server(name, folder, address, limits, poll_s)
        end = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end.set)
        await server.start()
        await end.wait()
        logging.getLogger("ships.serving").info("ending; requests under way are still answered")
        await server.stop()

    asyncio.run(until_told_to_end())
