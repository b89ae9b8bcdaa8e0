"""Holds what a server of the candidate does against the evaluation's own call and against the bounds."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.errors import InputError
from components.infra_validator.server import Answer, ServerError, serving
from components.infra_validator.settings import InfraValidationSettings
from components.masks import rle

# float32 through JSON and back, by another kernel order.
_PROBABILITY_TOLERANCE = 1e-3
_LOG_FILE = "server.log"


@dataclass(frozen=True)
class Expected:
    """What the evaluation's signature says of an image.

    Attributes:
        image: the file.
        encoded_pixels: run-length string of the mask behind the cascade.
        ship_probability: 0-1.
        height: in px.
        width: in px.
    """

    image: bytes
    encoded_pixels: str
    ship_probability: float
    height: int
    width: int


@dataclass(frozen=True)
class InfraVerdict:
    """The outcome; figures are None where the server did not come so far.

    Attributes:
        blessed: whether the candidate may be pushed.
        reason: what speaks against it, or what was measured.
        images: how many were asked about.
        start_s: until the server was ready.
        median_ms: of the answers.
        slowest_ms: of the answers.
        memory_mb: highest resident memory of the server, MiB.
        most_different_pixels: of an image, between the server's mask and the evaluation's.
    """

    blessed: bool
    reason: str
    images: int = 0
    start_s: float | None = None
    median_ms: float | None = None
    slowest_ms: float | None = None
    memory_mb: float | None = None
    most_different_pixels: int | None = None

    def to_json(self) -> bytes:
        """For people and for tools."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()


def from_json(text: bytes) -> InfraVerdict:
    """What `to_json` wrote."""
    return InfraVerdict(**json.loads(text))


def expectations(model: Path, examples: Sequence[bytes]) -> list[Expected]:
    """Answers of the `evaluate` signature to serialized raw Examples, in this process.

    On the CPU, as the server (see `serving`).
    """
    with tf.device("/CPU:0"):
        loaded: Any = tf.saved_model.load(str(model))
        evaluate = loaded.signatures["evaluate"]
        expected = []
        for serialized in examples:
            answer = evaluate(examples=tf.constant([serialized]))
            image = tf.train.Example.FromString(serialized).features.feature["image"].bytes_list.value[0]
            height, width = (int(edge) for edge in answer["image_size"][0].numpy())
            encoded = answer["cascade_mask"][0].numpy().decode()
            expected.append(
                Expected(image, encoded, float(answer["classifier"][0, 0].numpy()), height, width)
            )
    return expected


def validate(
    expected: Sequence[Expected],
    settings: InfraValidationSettings,
    *,
    models: Path,
    name: str,
    command: Sequence[str],
    scratch: Path,
) -> InfraVerdict:
    """Serve a model in a fresh process and judge it.

    Args:
        expected: what to ask, and what to hear.
        settings: the bounds.
        models: folder with `<name>/<version>/`.
        name: of the model.
        command: see `server.serving`.
        scratch: folder for the server's log.

    Raises:
        InputError: there is no such command, or nothing to ask.
    """
    if not expected:
        raise InputError("infra validation: there is no image to ask the server about")
    start_s = None
    try:
        with serving(command, models, name, scratch / _LOG_FILE) as server:
            start_s = server.wait_until_ready(settings.max_start_s)
            answers = [server.predict(one.image) for one in expected]
            memory_mb = server.peak_memory_mb()
    except ServerError as error:
        return InfraVerdict(False, str(error), start_s=start_s)
    return judge(expected, answers, start_s, memory_mb, settings)


def judge(
    expected: Sequence[Expected],
    answers: Sequence[Answer],
    start_s: float,
    memory_mb: float,
    settings: InfraValidationSettings,
) -> InfraVerdict:
    """The verdict about a server that has answered."""
    median_ms = statistics.median(answer.seconds for answer in answers) * 1000
    slowest_ms = max(answer.seconds for answer in answers) * 1000
    problems = []
    most_different = 0
    for number, (one, answer) in enumerate(zip(expected, answers, strict=True)):
        different = _different_pixels(one, answer)
        most_different = max(most_different, one.height * one.width if different is None else different)
        if different is None:
            problems.append(f"image {number}: the server's mask is none of the image's size")
        elif different > settings.max_different_pixels:
            problems.append(f"image {number}: {different} pixels differ from the evaluation's mask")
        if not abs(one.ship_probability - answer.ship_probability) <= _PROBABILITY_TOLERANCE:
            problems.append(
                f"image {number}: ship probability {answer.ship_probability:g}, by the evaluation "
                f"{one.ship_probability:g}"
            )
    if median_ms > settings.max_median_ms:
        problems.append(f"median answer {median_ms:.0f} ms, allowed {settings.max_median_ms:g}")
    if memory_mb > settings.max_memory_mb:
        problems.append(f"memory {memory_mb:.0f} MiB, allowed {settings.max_memory_mb:g}")
    measured = f"{len(answers)} images answered as evaluated, median {median_ms:.0f} ms, {memory_mb:.0f} MiB"
    return InfraVerdict(
        not problems,
        "; ".join(problems) or measured,
        len(answers),
        round(start_s, 2),
        round(median_ms, 1),
        round(slowest_ms, 1),
        round(memory_mb, 1),
        most_different,
    )


def _different_pixels(expected: Expected, answer: Answer) -> int | None:
    """Pixels that are ship in one mask only; None if the answer is no mask of the image."""
    if expected.encoded_pixels == answer.encoded_pixels:
        return 0
    try:
        seen = rle.decode(answer.encoded_pixels, expected.height, expected.width)
    except rle.RleError:
        return None
    return int((seen != rle.decode(expected.encoded_pixels, expected.height, expected.width)).sum())
