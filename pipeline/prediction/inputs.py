"""Which files a command line names."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.errors import InputError
from components.ship_example_gen.listing import list_images


def images_by_id(images: Iterable[str], list_file: Path | None) -> list[tuple[str, Path]]:
    """(file name, path) of each file once.

    Args:
        images: files, folders and glob patterns.
        list_file: names further files, one a line; None for none. Those need not exist.

    Raises:
        InputError: nothing is named, a name leads to nothing, or two files would become one image.
    """
    found: dict[str, Path] = {}
    for path in [*_named(images), *_listed(list_file)]:
        known = found.setdefault(path.name, path)
        if known.absolute() != path.absolute():
            raise InputError(
                f"{known} and {path} have the same name, which would make them one image of the table; "
                "predict their folders one by one"
            )
    if not found:
        raise InputError("no images: name files, folders or patterns, or a file of names by --list")
    return list(found.items())


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
