"""What is finished, as JSON lines: a line for a file, for its picture, for each of its ships, for its end.

All formats are written from it at the end. An image without its end (the command was killed, or the file
turned out to be damaged half-way) counts as not begun, and so does one whose file is another by now.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from components.masks.instances import Instance


@dataclass(frozen=True)
class Source:
    """An image file as it was when it was looked at: one of another path, size or time is another image.

    Attributes:
        path: absolute.
        size: in bytes, -1 if there is no such file.
        modified_ns: time of its last change, in ns.
    """

    path: str
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file as it is now."""
        try:
            status = path.stat()
        except OSError:
            return cls(str(path.absolute()), -1, 0)
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Picture:
    """What an image file holds.

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
        self.finished: set[Source] = set()
        self._file = path.open("ab+")
        self._file.seek(0)
        self._whole = 0
        begun: Source | None = None
        while line := self._file.readline():
            try:
                parsed = json.loads(line)
            except ValueError:
                # A kill leaves half a line; whatever else this is, nothing behind it counts.
                break
            if file := parsed.get("file"):
                begun = Source(**file)
            elif "end" in parsed and begun is not None:
                self.finished.add(begun)
                self._whole = self._file.tell()
        self.drop_unfinished()

    def drop_unfinished(self) -> None:
        """Forget the image that has been begun."""
        self._file.truncate(self._whole)

    def begin(self, source: Source) -> None:
        """What is added now is of this file."""
        self._write(begin_line(source))

    def add(self, entry: Entry) -> None:
        """Note a picture or a ship on it."""
        self._write(to_line(entry))

    def end(self) -> None:
        """All ships of the image have been added."""
        self._write(END_LINE)
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


def _line(content: dict[str, Any]) -> bytes:
    # ASCII alone keeps file names that are no UTF-8.
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


# Makes an image count.
END_LINE = _line({"end": True})


def begin_line(source: Source) -> bytes:
    """The line before those of an image."""
    return _line({"file": asdict(source)})


def to_line(entry: Entry) -> bytes:
    """An entry as a line of the file."""
    kind = "image" if isinstance(entry, Picture) else "ship"
    return _line({kind: asdict(entry)})


def read_entries(path: Path, sources: Collection[Source]) -> Iterator[Entry]:
    """The entries of some files, where every image in the journal has its end."""
    with path.open("rb") as file:
        wanted = False
        for line in file:
            parsed: dict[str, Any] = json.loads(line)
            if source := parsed.get("file"):
                wanted = Source(**source) in sources
            elif not wanted:
                continue
            elif image := parsed.get("image"):
                yield Picture(**image | {"transform": tuple(image["transform"])})
            elif ship := parsed.get("ship"):
                yield Ship(Instance(**ship["instance"]), ship["score"])
