"""Small pictures for the page, and the few images that earn one. Imports no TensorFlow."""

import heapq
from dataclasses import dataclass
from itertools import count

from components.pages.pictures import jpeg_uri
from components.ship_example_gen.decoding import decode

_EDGE_PX = 160


def thumbnail(image_bytes: bytes) -> str:
    """A JPEG of at most 160 x 160 px as data URI; "" for bytes that cannot be decoded."""
    rgb = decode(image_bytes).rgb
    return "" if rgb is None else jpeg_uri(rgb, _EDGE_PX)


@dataclass(frozen=True)
class Sighting:
    """An image that may be shown.

    Attributes:
        image_id: file name.
        split: its split.
        image: the file as found.
        feature: the measure for which it is shown.
        value: what was measured.
        rank: what it was chosen by; the larger the more so.
    """

    image_id: str
    split: str
    image: bytes
    feature: str
    value: float
    rank: float


class Extremes:
    """Keeps the few sightings of the highest rank; of equal ones those that came first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, Sighting]] = []
        self._order = count(0, -1)

    def wants(self, rank: float) -> bool:
        """Whether an image of this rank would be kept."""
        return len(self._heap) < self._most or (self._most > 0 and rank > self._heap[0][0])

    def offer(self, sighting: Sighting) -> None:
        """Keep an image if it ranks high enough."""
        if self.wants(sighting.rank):
            entry = (sighting.rank, next(self._order), sighting)
            if len(self._heap) < self._most:
                heapq.heappush(self._heap, entry)
            else:
                heapq.heapreplace(self._heap, entry)

    def best(self) -> list[Sighting]:
        """Those kept, the highest rank first."""
        return [sighting for _, _, sighting in sorted(self._heap, reverse=True)]
