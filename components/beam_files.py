"""Files in a local folder or on any filesystem that Beam knows.

Beam is imported only for a path such as "s3://..." or "gs://...": neither the command line nor processes that
work on images are to wait for it.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components.errors import InputError

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems

_OPTIONS = "SHIPS_BEAM_OPTIONS"


def is_remote(path: str) -> bool:
    """Whether a path names another filesystem ("gs://...") rather than a local file."""
    return "://" in path


def use_beam_options(options: Sequence[str]) -> None:
    """Beam's options (`--s3_endpoint_url=...`) for other filesystems.

    To be called before any file is opened; they hold here and in processes that are started later.
    """
    os.environ[_OPTIONS] = json.dumps(list(options))


def filesystems() -> "type[FileSystems]":
    """Beam's filesystems, with the options that are in use: without any, that of S3 opens nothing."""
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415 - heavy, see module docstring
    from apache_beam.options.pipeline_options import PipelineOptions  # noqa: PLC0415

    # Beam's pipelines and workers set their own; it has no other way to ask.
    if FileSystems._pipeline_options is None:
        FileSystems.set_options(PipelineOptions(json.loads(os.environ.get(_OPTIONS, "[]"))))
    found: type[FileSystems] = FileSystems
    return found


def open_to_read(path: str) -> IO[bytes]:
    """A file as it is, compressed or not.

    Raises:
        OSError: the file cannot be read.
        InputError: nothing can be read from its filesystem, as that is set up.
    """
    if not is_remote(path):
        return Path(path).open("rb")
    from apache_beam.io.filesystem import CompressionTypes  # noqa: PLC0415

    with _filesystem_of(path) as files:
        file: IO[bytes] = files.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return file


def open_to_write(path: str) -> IO[bytes]:
    """A new file, with the folders above it.

    Raises:
        OSError: it cannot be written.
        InputError: nothing can be written to its filesystem, as that is set up.
    """
    if not is_remote(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("wb")
    from apache_beam.io.filesystem import CompressionTypes  # noqa: PLC0415

    with _filesystem_of(path) as files:
        file: IO[bytes] = files.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return file


@contextlib.contextmanager
def _filesystem_of(path: str) -> "Iterator[type[FileSystems]]":
    """Tells what Beam answers with a ValueError apart.

    That no image of a bucket can be opened must not pass for as many images that are broken, hence no OSError
    for a filesystem that is known.
    """
    from apache_beam.io.filesystem import FileSystem  # noqa: PLC0415

    try:
        yield filesystems()
    except ValueError as error:
        schemes = {str(known.scheme()) for known in FileSystem.get_all_subclasses() if known.scheme()}
        if path.partition("://")[0] in schemes:
            raise InputError(f"{path} cannot be opened: {error}") from error
        raise OSError(
            f"{path} is in no filesystem that Beam knows; a local path goes without '://', others begin with "
            f"{', '.join(f'{scheme}://' for scheme in sorted(schemes))}"
        ) from error


def read_bytes(path: str) -> bytes:
    """Content of a file.

    Raises:
        OSError: the file cannot be read.
        InputError: nothing can be read from its filesystem, as that is set up.
    """
    with open_to_read(path) as file:
        return file.read()
