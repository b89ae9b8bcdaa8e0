"""`ships predict`: a table of ships, in the form of the Airbus challenge, for any number of image files."""

import contextlib
import csv
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from components.errors import InputError
from components.masks import rle
from components.masks.instances import instances
from components.parallel import in_order
from components.progress import Meter
from components.ship_example_gen.listing import list_images
from pipeline.console import ProgressDisplay
from pipeline.quiet import libraries_into

if TYPE_CHECKING:
    from pipeline.serving.detectors import Detector

_HEADER = ("ImageId", "EncodedPixels")
_BROKEN_HEADER = ("ImageId", "path", "reason")
# Decoding and model calls of two images overlap; TensorFlow uses all cores for each.
_THREADS = 2


@dataclass(frozen=True)
class _Answer:
    """What became of an image: a run-length string for each ship, or why there is none."""

    ships: tuple[str, ...] = ()
    reason: str = ""


def predict(
    images: Sequence[str],
    *,
    list_file: Path | None,
    models: Path | None,
    server: str,
    name: str,
    output: Path,
    min_pixels: int,
    console: Console,
    verbose: bool,
) -> None:
    """Write a row for each ship found on the images, and one with an empty mask for an image without.

    Images are named by their file names. What is finished lies beside the output under a name that holds the
    model's version, and is gone on from by the same command; `output` itself appears when all is done.

    Args:
        images: files, folders and glob patterns.
        list_file: names further files, one a line; None for none.
        models: folder of models as for `ships serve`, or None to ask a server.
        server: address of its REST port, "" to use `models`.
        name: of the model.
        output: CSV to write; files that get no mask are listed in `<output>.broken.csv`.
        min_pixels: ships with fewer are left out.
        console: where progress and the result are told.
        verbose: let libraries print into the terminal.

    Raises:
        InputError: no images, no model, an output that cannot be written.
        ShipsError: the server fails on the way.
    """
    if (models is None) == (not server):
        raise InputError("give either --models FOLDER or --server ADDRESS")
    paths = _by_image_id([*_named(images), *_listed(list_file)])
    if not paths:
        raise InputError("no images: name files, folders or patterns, or a file of names by --list")
    with contextlib.ExitStack() as stack:
        if not verbose:
            # Asked before the redirection, after which standard error is no terminal.
            is_terminal, width = console.is_terminal, console.width
            terminal = stack.enter_context(libraries_into(Path(os.devnull)))
            console = Console(file=terminal, force_terminal=is_terminal, width=width)
        detector = _detector(models, server, name)
        part = output.with_name(f"{output.name}.{detector.version}-{min_pixels}.part")
        try:
            finished = _keep_finished(part)
        except OSError as error:
            raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
        left = [(image_id, path) for image_id, path in paths if image_id not in finished]
        stack.enter_context(ProgressDisplay(console))
        with part.open("a", encoding="utf-8", errors="surrogateescape", newline="") as file:
            broken = _predict_all(detector, left, file, min_pixels)
        _write_broken(output, broken)
        part.replace(output)
        told = f"{len(paths) - len(broken)} images by version {detector.version} in {output}"
        if len(left) < len(paths):
            told += f", {len(paths) - len(left)} of them from before"
        if broken:
            told += f"; {len(broken)} without an answer in {_broken_file(output)}"
        console.print(told, highlight=False, soft_wrap=True)


def _detector(models: Path | None, server: str, name: str) -> "Detector":
    # Seconds of imports and their warnings, so they come after the checks and the redirection.
    from pipeline.serving.command import check_store  # noqa: PLC0415
    from pipeline.serving.detectors import LocalDetector, RemoteDetector  # noqa: PLC0415

    return LocalDetector(name, check_store(models, name)) if models else RemoteDetector(name, server)


def _named(images: Iterable[str]) -> Iterator[Path]:
    """Files that the command line names; InputError if it names nothing."""
    for name in images:
        path = Path(name)
        if path.is_dir():
            yield from (Path(image.path) for image in list_images(name))
        elif path.exists():
            yield path
        elif found := sorted(glob.glob(name, recursive=True)):  # noqa: PTH207 - absolute patterns
            yield from (Path(one) for one in found if not Path(one).is_dir())
        else:
            raise InputError(f"{name}: no such file or folder, and no file fits it as a pattern")


def _listed(list_file: Path | None) -> Iterator[Path]:
    """Files named in a file; one that is missing becomes a row of the broken ones."""
    if list_file is None:
        return
    try:
        lines = list_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--list {list_file}: cannot be read as text: {error}") from error
    yield from (Path(line.strip()) for line in lines if line.strip())


def _by_image_id(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(file name, path) of each file once; InputError if two files would become one image."""
    found: dict[str, Path] = {}
    for path in paths:
        known = found.setdefault(path.name, path)
        if known.absolute() != path.absolute():
            raise InputError(
                f"{known} and {path} have the same name, which would make them one image of the table; "
                "predict their folders one by one"
            )
    return list(found.items())


def _predict_all(
    detector: "Detector", images: Sequence[tuple[str, Path]], file: TextIO, min_pixels: int
) -> list[tuple[str, Path, str]]:
    """Appends rows image by image; returns the images without an answer and why."""
    broken = []
    ships = 0
    with ThreadPoolExecutor(_THREADS) as pool, Meter("Predict", len(images), "images") as meter:
        answers = in_order(
            pool, lambda image: _predict_one(detector, image[1], min_pixels), images, ahead=_THREADS
        )
        for (image_id, path), answer in zip(images, answers, strict=True):
            if answer.reason:
                broken.append((image_id, path, answer.reason))
            else:
                _append(file, image_id, answer.ships)
                ships += len(answer.ships)
            meter.advance(ships=ships, broken=len(broken))
    return broken


def _predict_one(detector: "Detector", path: Path, min_pixels: int) -> _Answer:
    # See _detector.
    from pipeline.serving.detectors import RefusedImageError, header_of  # noqa: PLC0415

    try:
        image = path.read_bytes()
        header = header_of(image)
        encoded = detector.encoded_pixels(image)
    except OSError as error:
        return _Answer(reason=f"cannot be read: {error.strerror or error}")
    except RefusedImageError as error:
        return _Answer(reason=str(error))
    if not encoded:
        return _Answer()
    mask = rle.decode(encoded, header.height, header.width)
    return _Answer(tuple(ship.encoded for ship in instances(mask, min_pixels)))


def _append(file: TextIO, image_id: str, ships: Sequence[str]) -> None:
    """All rows of an image at once, so that a kill hardly ever parts them."""
    rows = io.StringIO()
    csv.writer(rows, lineterminator="\n").writerows((image_id, encoded) for encoded in ships or [""])
    file.write(rows.getvalue())
    file.flush()


def _keep_finished(part: Path) -> set[str]:
    """Images that an earlier command finished; its last one is dropped, since rows of it may be missing."""
    rows: list[list[str]] = []
    if part.exists():
        text = part.read_text(encoding="utf-8", errors="surrogateescape")
        rows = [row for row in list(csv.reader(io.StringIO(text, newline="")))[1:] if row]
        rows = [row for row in rows if row[0] != rows[-1][0]]
    scratch = part.with_name(part.name + ".new")
    with scratch.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_HEADER, *rows])
    scratch.replace(part)
    return {row[0] for row in rows}


def _broken_file(output: Path) -> Path:
    return output.with_suffix(".broken.csv")


def _write_broken(output: Path, broken: Sequence[tuple[str, Path, str]]) -> None:
    file = _broken_file(output)
    if not broken:
        file.unlink(missing_ok=True)
        return
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows([_BROKEN_HEADER, *broken])
