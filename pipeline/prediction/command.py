"""`ships predict`: a table of ships for any number of image files, of any size."""

import contextlib
import csv
import os
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from components.errors import InputError
from components.parallel import in_order
from components.progress import Meter
from pipeline.console import INTERRUPTED, ProgressDisplay
from pipeline.prediction import formats, rasters
from pipeline.prediction.asked import Asked
from pipeline.prediction.forms import Format
from pipeline.prediction.inputs import images_by_id
from pipeline.prediction.journal import Entry, Journal, Ship, Source, read_entries
from pipeline.quiet import libraries_into
from pipeline.serving.faults import RefusedImageError

if TYPE_CHECKING:
    from pipeline.serving.detectors import Detector

_TIFF_ENDINGS = (".tif", ".tiff")
_BROKEN_HEADER = ("ImageId", "path", "reason")
# Decoding and model calls of two images overlap; TensorFlow uses all cores for each.
_THREADS = 2

# Name, path, reason.
Broken = tuple[str, Path, str]


def predict(
    images: Sequence[str],
    *,
    list_file: Path | None,
    models: Path | None,
    server: str,
    name: str,
    output: Path,
    form: Format,
    min_pixels: int,
    beam: str | None,
    console: Console,
    verbose: bool,
) -> None:
    """Write the ships found on the images.

    Images are named by their file names. What is finished lies beside the output under a name that holds the
    model's version, and is gone on from by the same command; `output` itself appears when all is done. A file
    that has changed since is looked at again.

    Args:
        images: files, folders and glob patterns.
        list_file: names further files, one a line; None for none.
        models: folder of models as for `ships serve`, or None to ask a server.
        server: address of its REST port, "" to use `models`.
        name: of the model.
        output: file to write; files that get no mask are listed in `<output>.broken.csv`.
        form: what kind of file.
        min_pixels: ships with fewer are left out.
        beam: options of a Beam runner that looks at the images, such as "--runner=FlinkRunner"; None for this
            process.
        console: where progress and the result are told.
        verbose: let libraries print into the terminal.

    Raises:
        InputError: no images, no model, an output that cannot be written.
        ShipsError: the server fails on the way.
    """
    if (models is None) == (not server):
        raise InputError("give either --models FOLDER or --server ADDRESS")
    # Before hours of work rather than after them.
    if output.is_dir():
        raise InputError(f"--output {output}: is a folder; name a file in it")
    if not output.parent.is_dir():
        raise InputError(f"--output {output}: cannot be written: there is no folder {output.parent}")
    paths = images_by_id(images, list_file)
    if any(path.suffix.lower() in _TIFF_ENDINGS for _, path in paths) and not rasters.installed():
        raise InputError(rasters.NEEDED)
    with contextlib.ExitStack() as stack:
        if not verbose:
            # Asked before the redirection, after which standard error is no terminal.
            is_terminal, width = console.is_terminal, console.width
            terminal = stack.enter_context(libraries_into(Path(os.devnull)))
            console = Console(file=terminal, force_terminal=is_terminal, width=width)
        # Seconds of imports and their warnings, so they come after the checks and the redirection.
        from pipeline.serving.detectors import make_detector  # noqa: PLC0415

        detector = make_detector(models, server, name)
        part = output.with_name(f"{output.name}.{detector.version}-{min_pixels}.part")
        try:
            journal = stack.enter_context(Journal(part))
        except OSError as error:
            raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
        # As they are before they are read: one that is changed meanwhile is looked at again next time.
        files = [(path, Source.of(path)) for _, path in paths]
        left = [(path, source) for path, source in files if source not in journal.finished]
        stack.enter_context(ProgressDisplay(console))
        if beam is None:
            try:
                broken = _predict_all(detector, left, journal, min_pixels)
            except KeyboardInterrupt:
                console.print(INTERRUPTED, highlight=False, soft_wrap=True)
                raise
        else:
            broken = _predict_by_beam(
                left,
                journal,
                beam,
                # Workers have another working directory.
                Asked(models and models.absolute(), server, name, detector.version, min_pixels),
                part,
            )
        _write_broken(output, broken)
        scratch = output.with_name(f"{output.name}.new")
        sources = {source for _, source in files}
        formats.write(form, lambda: read_entries(part, sources), detector.version, scratch)
        scratch.replace(output)
        part.unlink()
        told = f"{len(paths) - len(broken)} images by version {detector.version} in {output}"
        if len(left) < len(paths):
            told += f", {len(paths) - len(left)} of them from before"
        if broken:
            told += f"; {len(broken)} without an answer in {_broken_file(output)}"
        console.print(told, highlight=False, soft_wrap=True)


def _predict_all(
    detector: "Detector", images: Sequence[tuple[Path, Source]], journal: Journal, min_pixels: int
) -> list[Broken]:
    """Notes image by image what is found; returns the images without an answer and why."""
    # TensorFlow, see above.
    from pipeline.prediction.images import look, look_by_windows  # noqa: PLC0415

    broken: list[Broken] = []
    ships = 0
    with ThreadPoolExecutor(_THREADS) as pool, Meter("Predict", len(images), "images") as meter:
        looks = in_order(pool, lambda image: look(image[0], detector, min_pixels), images, ahead=_THREADS)
        for (path, source), first in zip(images, looks, strict=True):
            reason = first.reason
            entries: Iterable[Entry] = first.entries
            if first.by_windows:
                entries = look_by_windows(
                    path, detector, pool, min_pixels, lambda left: meter.advance(0, windows_left=left)
                )
            journal.begin(source)
            try:
                for entry in entries:
                    journal.add(entry)
                    ships += isinstance(entry, Ship)
            except RefusedImageError as error:
                reason = str(error)
            if reason:
                journal.drop_unfinished()
                broken.append((path.name, path, reason))
            else:
                journal.end()
            meter.advance(ships=ships, broken=len(broken))
    return broken


def _predict_by_beam(
    images: Sequence[tuple[Path, Source]], journal: Journal, options: str, asked: Asked, part: Path
) -> list[Broken]:
    """The same by Beam; only when all are done is anything noted."""
    # Beam takes a while to be imported.
    from pipeline.prediction.by_beam import predict_by_beam  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=part.absolute().parent, prefix=f"{part.name}-") as folder:
        sources = [source for _, source in images]
        lines, broken = predict_by_beam(sources, asked, shlex.split(options), Path(folder))
        journal.add_lines(lines)
    return [(path.name, path, reason) for path, reason in broken]


def _broken_file(output: Path) -> Path:
    # The whole name: tables of other formats have lists of their own.
    return output.with_name(f"{output.name}.broken.csv")


def _write_broken(output: Path, broken: Sequence[Broken]) -> None:
    file = _broken_file(output)
    if not broken:
        file.unlink(missing_ok=True)
        return
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows([_BROKEN_HEADER, *broken])
