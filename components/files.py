"""Whole small files, on any filesystem that TFX can reach."""

import posixpath

from tfx.dsl.io import fileio


def read_bytes(path: str) -> bytes:
    """The content of a file.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
    return content


def write_bytes(path: str, content: bytes) -> None:
    """Write a file, with the folders above it."""
    fileio.makedirs(posixpath.dirname(path))
    with fileio.open(path, "wb") as file:
        file.write(content)
