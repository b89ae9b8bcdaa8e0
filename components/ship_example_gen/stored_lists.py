"""Lists that wait on disk between the steps of a run.

What a Beam pipeline is made with travels inside it, packed by bz2 several times over: 3 ms an image for its
name and label rows, and an upper limit on the number of images where a runner has one on the pipeline.
Imports no Beam, for processes that work on images.
"""

import pickle
import posixpath
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from components.beam_files import open_to_write, read_bytes

Item = TypeVar("Item")
# Beam needs 0.1 ms to hand over an element of any size; a list of these is what one worker gets at a time.
_LISTED_TOGETHER = 256


@dataclass(frozen=True)
class StoredLists(Generic[Item]):
    """Numbered lists of one kind, which the workers write or read.

    Attributes:
        folder: where; on any filesystem that Beam knows.
        kind: tells them from other lists in the folder.
    """

    folder: str
    kind: str

    def write_all(self, items: Sequence[Item]) -> list[int]:
        """Cuts items into lists of which a worker gets one at a time, and returns their numbers."""
        lists = [items[start : start + _LISTED_TOGETHER] for start in range(0, len(items), _LISTED_TOGETHER)]
        for number, one in enumerate(lists):
            self.write(number, one)
        return list(range(len(lists)))

    def write(self, number: int, items: Sequence[Item]) -> None:
        """Keeps a list; a worker that does it again writes the same."""
        with open_to_write(self._path(number)) as file:
            file.write(pickle.dumps(list(items)))

    def read(self, number: int) -> list[Item]:
        """A list, in its order."""
        # Written by an earlier step of the same run.
        items: list[Item] = pickle.loads(read_bytes(self._path(number)))
        return items

    def pick(self, places: Collection[int]) -> Iterator[tuple[int, Item]]:
        """Items with their places, in ascending order, among all that were cut into lists by `write_all`.

        Only the lists that hold one of them are read, one at a time.
        """
        numbers = sorted({place // _LISTED_TOGETHER for place in places})
        for number in numbers:
            start = number * _LISTED_TOGETHER
            for place, item in enumerate(self.read(number), start):
                if place in places:
                    yield place, item

    def _path(self, number: int) -> str:
        return posixpath.join(self.folder, f"{self.kind}-{number:06d}")
