"""What is finished, as JSON lines: a line for an image, one for each of its ships, one for its end.

All formats are written from it at the end. An image without its end (the command was killed, or the file
turned out to be damaged half-way) counts as not begun.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from components.masks.instances import Instance


@dataclass(frozen=True)
class Picture:
    """An image file.

    Attributes:
        image_id: its name.
        height: in px.
        width: in px.
        crs: coordinate reference system as WKT, "" if its place on earth is not known.
        transform: with a crs, the six numbers (a, b, c, d, e, f) of x = a * column + b * row + c and
            y = d * column + e * row + f.
    """

    image_id: str
    height: int
    width: int
    crs: str = ""
    transform: tuple[float, ...] = ()


@dataclass(frozen=True)
class Ship:
    """A ship on the picture before it.

    Attributes:
        instance: where it is.
        score: the model's probability that there is any ship on the picture, or on that window of it, 0-1.
    """

    instance: Instance
    score: float


Entry = Picture | Ship


class Journal:
    """Appends entries to a file; a context that closes it."""

    def __init__(self, path: Path) -> None:
        """Open the file, new or with what an earlier command left.

        Raises:
            OSError: it cannot be written.
        """
        self.finished: set[str] = set()
        self._file = path.open("ab+")
        self._file.seek(0)
        self._whole = 0
        while line := self._file.readline():
            try:
                image_id = json.loads(line).get("end")
            except ValueError:
                # A kill leaves half a line; whatever else this is, nothing behind it counts.
                break
            if image_id is not None:
                self.finished.add(image_id)
                self._whole = self._file.tell()
        self.drop_unfinished()

    def drop_unfinished(self) -> None:
        """Forget the image that has been begun."""
        self._file.truncate(self._whole)

    def add(self, entry: Entry) -> None:
        """Note an image or a ship on it."""
        self._write(to_line(entry))

    def end(self, image_id: str) -> None:
        """All ships of the image have been added."""
        self._write(end_line(image_id))
        self._whole = self._file.tell()

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Note whole images from elsewhere."""
        self._file.writelines(lines)
        self._file.flush()
        self._whole = self._file.tell()

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def to_line(entry: Entry) -> bytes:
    """An entry as a line of the file."""
    kind = "image" if isinstance(entry, Picture) else "ship"
    return _line({kind: asdict(entry)})


def end_line(image_id: str) -> bytes:
    """The line that makes an image count."""
    return _line({"end": image_id})


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of a file in which every image has its end."""
    with path.open("rb") as file:
        for line in file:
            parsed: dict[str, Any] = json.loads(line)
            if image := parsed.get("image"):
                yield Picture(**image | {"transform": tuple(image["transform"])})
            elif ship := parsed.get("ship"):
                yield Ship(Instance(**ship["instance"]), ship["score"])


def _line(content: dict[str, Any]) -> bytes:
    # ASCII alone keeps file names that are no UTF-8.
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
