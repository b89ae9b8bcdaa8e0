"""The images of a review: which are shown, and what is drawn over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluation.slices import Slice
from components.examples import IMAGE
from components.masks.rle import decode as decode_rle
from components.pages.pictures import jpeg_uri
from components.review_report.judging import Judged
from components.review_report.sample import DrawnImage
from components.ship_example_gen.decoding import decode as decode_image

_EDGE_PX = 320
# With masks the rest of the page has 1 MB and more to spare under 5 MB.
_MOST_BYTES = 3_200_000
# A slice beyond is one of a column that tells images apart rather than kinds of images.
_MOST_SLICES = 40
# An untrained model dots an image with thousands of spots; the largest say enough.
_MOST_BENDS = 2500
# How many times finer than its pixels a mask is outlined.
_FINER = 3

WORST, MEDIAN, BEST = "worst", "median", "best"
_Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Outlines:
    """Masks as SVG path data in pixels of the image; "" for an empty one or one that is not told."""

    truth: str
    candidate: str
    baseline: str
    found: str
    missed: str
    false: str


@dataclass
class Picture:
    """An image that is shown.

    Attributes:
        image: which.
        candidate: what the candidate says of it.
        baseline: what the pushed model says, None without one.
        jpeg: data URI, "" if it cannot be decoded.
        width: of the image in px, as the outlines count.
        height: likewise.
        outlines: drawn over it.
        places: by number of the slice, as what ("worst", "median", "best") and at which place it is shown.
    """

    image: DrawnImage
    candidate: Judged
    baseline: Judged | None
    jpeg: str
    width: int
    height: int
    outlines: Outlines
    places: dict[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """About what it takes in the page."""
        return len(self.jpeg) + sum(map(len, vars(self.outlines).values()))


@dataclass(frozen=True)
class GallerySlice:
    """A slice of which images are shown; `number` is that in the places of the pictures."""

    number: int
    label: str
    drawn: int


@dataclass(frozen=True)
class Gallery:
    """Pictures, each once, whatever number of slices it is shown for.

    Attributes:
        slices: to choose from.
        pictures: of all slices.
        disagreements: images on which the two models differ most.
        left_out: labels of slices for whose pictures, or some of them, the page has no room.
    """

    slices: list[GallerySlice]
    pictures: list[Picture]
    disagreements: list[Picture]
    left_out: list[str]


class _Album:
    """Makes pictures of drawn images on demand, each once."""

    def __init__(
        self,
        images: Sequence[DrawnImage],
        candidate: Sequence[Judged],
        baseline: Sequence[Judged],
        room_bytes: int,
    ) -> None:
        self._images, self._candidate, self._baseline = images, candidate, baseline
        self._made: dict[int, Picture] = {}
        self._room_bytes = room_bytes

    def picture(self, index: int) -> Picture | None:
        """The picture of a drawn image; None of a further one when the page is full."""
        if index not in self._made and self._room_bytes > 0:
            baseline = self._baseline[index] if self._baseline else None
            made = _picture(self._images[index], self._candidate[index], baseline)
            self._made[index] = made
            self._room_bytes -= made.size_bytes
        return self._made.get(index)


def gallery(
    images: Sequence[DrawnImage],
    candidate: Sequence[Judged],
    baseline: Sequence[Judged],
    slices: Sequence[Slice],
    *,
    each: int,
    disagreements: int,
) -> Gallery:
    """Choose and draw.

    Args:
        images: the drawn test images.
        candidate: its answer of each.
        baseline: the pushed model's answers, empty without one.
        slices: in reading order; those without a drawn image are passed over.
        each: how many worst, median and best images of a slice.
        disagreements: how many images on which the models differ.
    """
    # The disagreements stand in a list of their own, so that a picture may be in the page twice.
    differences = _Album(images, candidate, baseline, _MOST_BYTES // 4)
    differing = [differences.picture(index) for index in most_differing(candidate, baseline, disagreements)]
    album = _Album(images, candidate, baseline, _MOST_BYTES * 3 // 4)
    shown: list[GallerySlice] = []
    left_out: list[str] = []
    pictures: dict[str, Picture] = {}
    for number, part in enumerate(slices):
        members = [i for i, image in enumerate(images) if image.belongs_to(part.features)]
        if not members or not each:
            continue
        if len(shown) == _MOST_SLICES:
            left_out.append(part.label)
            continue
        chosen = [
            (kind, place, album.picture(index))
            for kind, indices in extremes(members, candidate, each).items()
            for place, index in enumerate(indices)
        ]
        for kind, place, picture in chosen:
            if picture is not None:
                picture.places[number] = (kind, place)
                pictures[picture.image.image_id] = picture
        if any(picture is not None for *_, picture in chosen):
            shown.append(GallerySlice(number, part.label, len(members)))
        if any(picture is None for *_, picture in chosen):
            left_out.append(part.label)
    return Gallery(
        shown, list(pictures.values()), [picture for picture in differing if picture is not None], left_out
    )


def extremes(members: Sequence[int], judged: Sequence[Judged], each: int) -> dict[str, list[int]]:
    """Indices of the worst, median and best of some images by dice, then by wrong pixels; none twice.

    Of less than three images, all count as the worst.
    """
    order = sorted(members, key=lambda i: (judged[i].dice, -judged[i].wrong_px, i))
    number = min(each, len(order) // 3)
    if not number:
        return {WORST: order[:each], MEDIAN: [], BEST: []}
    middle = (len(order) - number) // 2
    return {
        WORST: order[:number],
        MEDIAN: order[middle : middle + number],
        BEST: order[::-1][:number],
    }


def most_differing(candidate: Sequence[Judged], baseline: Sequence[Judged], most: int) -> list[int]:
    """Indices of the images whose dice differs most between the models, the widest apart first."""
    if not baseline:
        return []
    apart = [
        (-abs(one.dice - other.dice), index)
        for index, (one, other) in enumerate(zip(candidate, baseline, strict=True))
        if one.dice != other.dice
    ]
    return [index for _, index in sorted(apart)[:most]]


def _picture(image: DrawnImage, candidate: Judged, baseline: Judged | None) -> Picture:
    content = tf.train.Example.FromString(image.record).features.feature[IMAGE].bytes_list.value
    rgb = decode_image(content[0]).rgb if content else None
    height, width = candidate.size or (rgb.shape[:2] if rgb is not None else (1, 1))
    truth = np.zeros((height, width), np.uint8)
    for row in image.rows:
        truth |= decode_rle(row, height, width)
    mask, pushed = (
        decode_rle(one.mask, height, width) if one is not None and one.mask is not None else None
        for one in (candidate, baseline)
    )
    empty = np.zeros_like(truth)
    predicted = empty if mask is None else mask
    return Picture(
        image,
        candidate,
        baseline,
        "" if rgb is None else jpeg_uri(rgb, _EDGE_PX),
        width,
        height,
        Outlines(
            truth=path(truth),
            candidate=path(predicted),
            baseline=path(empty if pushed is None else pushed),
            found=path(truth & predicted),
            missed="" if mask is None else path((truth > predicted).astype(np.uint8)),
            false=path((predicted > truth).astype(np.uint8)),
        ),
    )


def path(mask: _Mask) -> str:
    """Outlines of a mask (uint8 [H, W], 0 or 1) as SVG path data, holes included, for `fill-rule: evenodd`.

    Bends below a pixel are left out, and the smallest pieces where there are very many.
    """
    # OpenCV's contours run through the middle of border pixels, in which a line of pixels has no area.
    fine = cv2.resize(mask, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)

    def piece(index: int) -> int:
        # A hole belongs to the piece around it, without which it would be drawn as one.
        around = int(hierarchy[0, index, 3])
        return index if around < 0 else around

    areas = [cv2.contourArea(contour) for contour in contours]
    order = sorted(range(len(contours)), key=lambda i: (-areas[piece(i)], piece(i), piece(i) != i, -areas[i]))
    parts: list[str] = []
    left = _MOST_BENDS
    for index in order:
        points = _simplified(contours[index]) / _FINER
        left -= len(points)
        if left < 0:
            break
        steps = "L".join(f"{x:g} {y:g}" for x, y in points.round(1).tolist())
        parts.append(f"M{steps}Z")
    return "".join(parts)


def _simplified(contour: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bends of an outline, int32 [bends, 2]; coarser ones where it would take the page by itself."""
    tolerance = 0.6 * _FINER
    points: NDArray[np.int32] = cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0]
    while len(points) > _MOST_BENDS:
        tolerance *= 2
        points = cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0]
    return points
