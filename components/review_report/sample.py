"""Which test images are looked at one by one: all of a small test set, an even draw of a large one."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from components.evaluation.names import SHIP_SIZE
from components.evaluation.ships import size_of_ships
from components.examples import ENCODED_PIXELS, HAS_SHIP, IMAGE_ID, SHIP_GROUP
from components.tfrecords import read_records

_GIVEN = (HAS_SHIP, SHIP_GROUP)


@dataclass(frozen=True)
class DrawnImage:
    """A test image that was drawn.

    Attributes:
        image_id: file name.
        features: by which it belongs to slices, such as {"has_ship": "1", "Source": "airbus"}.
        rows: run-length strings of its labelled ships.
        record: its serialized tf.Example.
        weight: how many test images it stands for, >= 1.
    """

    image_id: str
    features: dict[str, str]
    rows: tuple[str, ...]
    record: bytes
    weight: float

    def belongs_to(self, features: dict[str, str]) -> bool:
        """Whether it is in the slice that these features define."""
        return features.items() <= self.features.items()


@dataclass(frozen=True)
class Sample:
    """The drawn images, in the order of the draw, and from how many."""

    images: tuple[DrawnImage, ...]
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return len(self.images) == self.total


def draw(examples_uri: str, splits: Sequence[str], columns: Collection[str], most: int) -> Sample:
    """Draw images evenly from the crosses of ship group and columns; the same ones every time.

    A small stratum is taken whole, so that rare kinds of images are seen; weights make up for it. There are
    two passes over the records, and only the drawn ones are kept.

    Args:
        examples_uri: Examples artifact.
        splits: test splits.
        columns: features of the scene table.
        most: number of images.
    """
    names = (*_GIVEN, *sorted(columns))
    strata: dict[tuple[str, ...], list[tuple[bytes, str]]] = defaultdict(list)
    total = 0
    for record in _records(examples_uri, splits):
        feature = tf.train.Example.FromString(record).features.feature
        image_id = _text(feature[IMAGE_ID])
        key = tuple(_text(feature[name]) for name in names)
        strata[key].append((hashlib.sha256(image_id.encode()).digest(), image_id))
        total += 1
    if len(strata) > most // 2:
        # A column that tells nearly every image apart leaves nothing to draw evenly from.
        strata = _joined(strata, len(_GIVEN))
    weights = _drawn(strata, most)
    found = {
        image.image_id: image
        for record in _records(examples_uri, splits)
        if (image := _image(record, names, weights)) is not None
    }
    return Sample(tuple(found[image_id] for image_id in weights if image_id in found), total)


def _records(examples_uri: str, splits: Sequence[str]) -> Iterator[bytes]:
    for split in splits:
        yield from read_records(examples_uri, split)


def _joined(
    strata: dict[tuple[str, ...], list[tuple[bytes, str]]], leading: int
) -> dict[tuple[str, ...], list[tuple[bytes, str]]]:
    joined: dict[tuple[str, ...], list[tuple[bytes, str]]] = defaultdict(list)
    for key, members in strata.items():
        joined[key[:leading]] += members
    return joined


def _drawn(strata: dict[tuple[str, ...], list[tuple[bytes, str]]], most: int) -> dict[str, float]:
    """Weight of each drawn image: one of every stratum in turn until there are enough."""
    for members in strata.values():
        members.sort()
    quota = dict.fromkeys(strata, 0)
    left = min(most, sum(map(len, strata.values())))
    while left:
        for key in sorted(strata):
            if left and quota[key] < len(strata[key]):
                quota[key] += 1
                left -= 1
    return {
        image_id: len(strata[key]) / number
        for key, number in sorted(quota.items())
        for _, image_id in strata[key][:number]
    }


def _image(record: bytes, names: Sequence[str], weights: dict[str, float]) -> DrawnImage | None:
    feature = tf.train.Example.FromString(record).features.feature
    image_id = _text(feature[IMAGE_ID])
    if image_id not in weights:
        return None
    rows = tuple(row.decode() for row in feature[ENCODED_PIXELS].bytes_list.value)
    features = {name: _text(feature[name]) for name in names}
    if rows:
        features[SHIP_SIZE] = size_of_ships(rows)
    return DrawnImage(image_id, features, rows, record, weights[image_id])


def _text(feature: tf.train.Feature) -> str:
    """The value of a feature as slices name it; "" where there is none."""
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else ()
    if not values:
        return ""
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else str(values[0])
