"""What passes between this project's process and those of the other environments; imports numpy alone.

A folder of image files goes there, a file of answers comes back. Images are sent one by one, then those of
`whole` all in one request, then a damaged one.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "ships"
INPUT = "image_bytes"
OUTPUTS = ("ship_probability", "encoded_pixels", "ship_pixels")
_DAMAGED = "damaged.jpg"

Images = Sequence[bytes]
# Asks a server about a batch: output name -> array [N], strings as bytes objects.
Ask = Callable[[Images], Mapping[str, Any]]


class RefusedError(Exception):
    """The server says of a request that it cannot be answered."""


@dataclass(frozen=True)
class Answer:
    """The three outputs for one image."""

    ship_probability: float
    encoded_pixels: str
    ship_pixels: int


@dataclass(frozen=True)
class Answers:
    """What a server says by one protocol.

    Attributes:
        server: its name and version.
        protocol: how it was asked.
        answers: for each image alone, then for each of the batch of all.
        damaged: what is said of a damaged image; "" if it is answered like any other.
    """

    server: str
    protocol: str
    answers: list[Answer]
    damaged: str


def write_images(folder: Path, whole: Mapping[str, bytes], damaged: bytes) -> None:
    """Image files to ask about, by name."""
    for name, image in {**whole, _DAMAGED: damaged}.items():
        (folder / name).write_bytes(image)


def interview(server: str, protocol: str, folder: Path, ask: Ask) -> Answers:
    """Ask a server about the images of a folder.

    Raises:
        RefusedError: it refuses one that is whole, or goes on refusing after the damaged one.
    """
    whole = [path.read_bytes() for path in sorted(folder.iterdir()) if path.name != _DAMAGED]
    answers = [answer for images in (*([image] for image in whole), whole) for answer in _told(ask, images)]
    try:
        ask([(folder / _DAMAGED).read_bytes()])
        damaged = ""
    except RefusedError as error:
        damaged = str(error)
    # It lives on.
    _told(ask, whole[:1])
    return Answers(server, protocol, answers, damaged)


def save(path: Path, told: Sequence[Answers]) -> None:
    """Write answers for the other side."""
    path.write_text(json.dumps([asdict(one) for one in told]), encoding="utf-8")


def load(path: Path) -> list[Answers]:
    """What `save` wrote."""
    return [
        Answers(**{**one, "answers": [Answer(**answer) for answer in one["answers"]]})
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _told(ask: Ask, images: Images) -> list[Answer]:
    outputs = {name: np.asarray(value) for name, value in ask(images).items()}
    for name in OUTPUTS:
        if outputs[name].shape != (len(images),):
            raise ValueError(f"{name} is {outputs[name].shape} for {len(images)} images")
    return [
        Answer(float(probability), encoded.decode("ascii"), int(pixels))
        for probability, encoded, pixels in zip(*(outputs[name] for name in OUTPUTS), strict=True)
    ]
