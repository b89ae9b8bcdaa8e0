"""Judges whole folders, and broken copies of their images, outside of any pipeline."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np

from components.image_screener.corruptions import CORRUPTIONS, Corruption, Original
from components.image_screener.screening import Finding, Judge, Row, image_row
from components.parallel import thread_pool
from components.progress import Meter
from components.ship_example_gen.decoding import decode
from components.ship_example_gen.listing import ImageFile, read_or_nothing, told_if_too_large

_SEED = 0
# As many as share the fixed cost of a call of TFDV well; of each only the measures are kept.
_BATCH = 64


@dataclass
class Trial:
    """What became of the copies of some images that were broken in one way.

    Attributes:
        corruption, strength: the way.
        useless: whether nobody should train on the copies.
        images: copies judged.
        flagged: how many of them the screening found.
        reasons: feature of the schema -> how many copies it spoke against.
    """

    corruption: Corruption
    strength: float
    useless: bool
    images: int = 0
    flagged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def judge_images(judge: Judge, images: Sequence[ImageFile]) -> dict[str, list[Finding]]:
    """Reasons against each image, by its id: none against an ordinary one, one if unreadable."""
    found: dict[str, list[Finding]] = {}
    # Decoding and OpenCV let go of the interpreter, so that threads use all cores.
    with Meter("Screen", len(images), "images") as meter, thread_pool() as pool:
        for batch in _batches(images):
            rows = list(pool.map(_row, batch))
            found.update(
                zip((image.image_id for image in batch), judge.findings(judge.table(rows)), strict=True)
            )
            meter.advance(len(batch))
    return found


def try_corruptions(judge: Judge, images: Sequence[ImageFile], limit: int) -> list[Trial]:
    """Breaks images in every way of `CORRUPTIONS` and judges the copies. Same images, same copies.

    Args:
        judge: the screening.
        images: images that it has no reason against.
        limit: how many of them are broken, drawn at random.
    """
    trials = [
        Trial(corruption, strength, useless)
        for corruption in CORRUPTIONS
        for strengths, useless in ((corruption.mild, False), (corruption.useless, True))
        for strength in strengths
    ]
    rng = np.random.default_rng(_SEED)
    chosen = sorted(rng.choice(len(images), min(limit, len(images)), replace=False).tolist())
    total = len(chosen) * len(trials)
    with Meter("Break", total, "images") as meter, thread_pool() as pool:
        for number in chosen:
            content = read_or_nothing(images[number].path, images[number].size)
            rgb = decode(content).rgb
            if rgb is None:  # gone since it was judged
                continue
            broken = partial(_broken_row, Original(content, rgb), number)
            rows = list(pool.map(broken, range(len(trials)), trials))
            for trial, findings in zip(trials, judge.findings(judge.table(rows)), strict=True):
                trial.images += 1
                trial.flagged += bool(findings)
                trial.reasons.update(finding.feature for finding in findings)
            meter.advance(len(trials))
    return trials


def _row(image: ImageFile) -> Row:
    return image_row(read_or_nothing(image.path, image.size), told_if_too_large(image.size))


def _broken_row(original: Original, number: int, place: int, trial: Trial) -> Row:
    rng = np.random.default_rng((_SEED, number, place))
    return image_row(trial.corruption.apply(original, trial.strength, rng))


def _batches(images: Iterable[ImageFile]) -> Iterator[list[ImageFile]]:
    rest = iter(images)
    while batch := list(islice(rest, _BATCH)):
        yield batch
