"""Which images there are, and their bytes: in a local folder or on any filesystem that Beam knows.

Beam is imported only for a path such as "s3://..." or "gs://...": the command line checks its input through
this module and must not wait for heavy imports.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from components.beam_files import filesystems, is_remote, read_bytes
from components.errors import InputError

# The largest picture that is decoded, 8192 x 8192 px, takes 201 MB uncompressed. Larger files would be
# carried through all stages for nothing, and an Example of more than 2 GiB can be written but not read.
MAX_FILE_BYTES = 1 << 28
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class ImageFile:
    """An image as the folder lists it; nobody has looked inside.

    Attributes:
        image_id: file name with its ending, as in column ImageId.
        path: where the bytes are.
        size: bytes; -1 if the entry cannot be examined (a broken link).
        modified: time of the last change in seconds, as finely as the filesystem tells.
    """

    image_id: str
    path: str
    size: int
    modified: float


def list_images(images: str) -> tuple[ImageFile, ...]:
    """Image files directly inside a folder, by name. Other files and folders are passed over.

    A link that leads nowhere is listed too: it is an image that cannot be read, which is for the screening
    to say, not for the listing to hide.

    Raises:
        InputError: no such folder, it cannot be opened, or it holds no file with a known ending.
    """
    listed = _list_remote(images) if is_remote(images) else _list_local(images)
    found = sorted(listed, key=attrgetter("image_id"))
    if not found:
        raise InputError(
            f"no image in the folder {images}: expected files ending in {', '.join(IMAGE_ENDINGS)} "
            "directly inside it. Give the folder that holds the images themselves."
        )
    return tuple(found)


def data_fingerprint(images: str, labels: str, scenes: str) -> str:
    """SHA-256 (first 16 hex digits) of what would be ingested; part of the cache key of ShipExampleGen.

    Images count with name, size and time of change, since reading 30 GB to learn that nothing changed would
    take longer than the stage may; the tables count with their content.

    Args:
        images: folder of the images.
        labels: label table.
        scenes: scene table, "" for none.

    Raises:
        InputError: as `list_images` and `read_table_bytes`.
    """
    digest = hashlib.sha256()
    for image in list_images(images):
        digest.update(
            f"{image.image_id}\0{image.size}\0{image.modified!r}\n".encode(errors="surrogateescape")
        )
    for table in (labels, scenes):
        digest.update(hashlib.sha256(read_table_bytes(table) if table else b"").digest())
    return digest.hexdigest()[:16]


def read_image(path: str, size: int) -> bytes:
    """Content of an image file.

    Args:
        path: the file.
        size: bytes, as listed.

    Raises:
        OSError: it cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    if too_large := told_if_too_large(size):
        raise OSError(too_large)
    return read_bytes(path)


def read_or_nothing(path: str, size: int) -> bytes:
    """The same; b"" where that raises."""
    try:
        return read_image(path, size)
    except OSError:
        return b""


def told_if_too_large(size: int) -> str:
    """What is wrong with an image file of so many bytes; "" if it may be read."""
    return f"{size:,} bytes, more than {MAX_FILE_BYTES:,}" if size > MAX_FILE_BYTES else ""


def read_table_bytes(path: str) -> bytes:
    """Content of a label or scene table.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        return read_bytes(path)
    except FileNotFoundError as error:
        raise InputError(f"no such table: {path}. Give the path of an existing CSV file.") from error
    except OSError as error:
        raise InputError(
            f"cannot read the table {path}: {error.strerror or error}. Give a readable CSV file."
        ) from error


def _list_local(images: str) -> Iterator[ImageFile]:
    try:
        # Not Path.iterdir: scandir's entries already know what stat would have to ask once more.
        with os.scandir(images) as entries:
            for entry in entries:
                if not _is_image_name(entry.name):
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    yield ImageFile(entry.name, entry.path, -1, 0.0)
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    yield ImageFile(entry.name, entry.path, status.st_size, status.st_mtime)
    except FileNotFoundError as error:
        raise InputError(f"no such folder: {images}. Give the folder that holds the images.") from error
    except NotADirectoryError as error:
        raise InputError(f"not a folder: {images}. Give the folder that holds the images.") from error
    except OSError as error:
        raise InputError(
            f"cannot list the folder {images}: {error.strerror}. Check its permissions."
        ) from error


def _list_remote(images: str) -> Iterator[ImageFile]:
    from apache_beam.io.filesystem import BeamIOError  # noqa: PLC0415 - heavy, see module docstring

    folder = images.rstrip("/") + "/"
    try:
        matches = filesystems().match([folder + "*"])[0].metadata_list
    except (BeamIOError, ValueError) as error:
        raise InputError(
            f"cannot list the folder {images}: {error}. Check the address, the credentials and that Beam's "
            "package for this filesystem is installed."
        ) from error
    for match in matches:
        name = match.path.removeprefix(folder)
        # Object stores match "*" across what looks like folders.
        if "/" not in name and _is_image_name(name):
            yield ImageFile(name, match.path, match.size_in_bytes, match.last_updated_in_seconds)


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS)
