"""Files in a local folder or on any filesystem that Beam knows.

Beam is imported only for a path such as "s3://..." or "gs://...": neither the command line nor processes that
work on images are to wait for it.
"""

from pathlib import Path
from typing import IO


def is_remote(path: str) -> bool:
    """Whether a path names another filesystem ("gs://...") rather than a local file."""
    return "://" in path


def open_to_read(path: str) -> IO[bytes]:
    """A file as it is, compressed or not.

    Raises:
        OSError: the file cannot be read.
    """
    if not is_remote(path):
        return Path(path).open("rb")
    from apache_beam.io.filesystem import CompressionTypes  # noqa: PLC0415 - heavy, see module docstring
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415

    try:
        file: IO[bytes] = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except ValueError as error:
        raise _no_filesystem(path) from error
    return file


def open_to_write(path: str) -> IO[bytes]:
    """A new file, with the folders above it.

    Raises:
        OSError: it cannot be written.
    """
    if not is_remote(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("wb")
    from apache_beam.io.filesystem import CompressionTypes  # noqa: PLC0415
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415

    try:
        file: IO[bytes] = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except ValueError as error:
        raise _no_filesystem(path) from error
    return file


def _no_filesystem(path: str) -> OSError:
    """What is wrong with a path that Beam answers with a ValueError: unknown scheme, or not well-formed."""
    from apache_beam.io.filesystem import FileSystem  # noqa: PLC0415

    schemes = sorted({str(known.scheme()) for known in FileSystem.get_all_subclasses() if known.scheme()})
    return OSError(
        f"{path} is in no filesystem that Beam knows; a local path goes without '://', others begin with "
        f"{', '.join(f'{scheme}://' for scheme in schemes)}"
    )


def read_bytes(path: str) -> bytes:
    """Content of a file.

    Raises:
        OSError: the file cannot be read.
    """
    with open_to_read(path) as file:
        return file.read()
