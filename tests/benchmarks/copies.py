"""A large data set made of few images, for benchmarks and tests of scale.

Plain copies would be found out and quarantined as such, so each is a picture of its own: a random part of the
original, turned, and brought back to its size.
"""

import csv
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from components.masks import rle

_IMAGES_A_SCENE = 8


class Original(NamedTuple):
    """An image to copy.

    Attributes:
        path: a JPEG file.
        rows: its label rows, run-length strings; [""] for an image without ships.
    """

    path: Path
    rows: list[str]


def labelled(images: Path, labels: Path) -> list[Original]:
    """The JPEG files of a folder that a label table names."""
    rows = defaultdict(list)
    with labels.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            rows[row["ImageId"]].append(row["EncodedPixels"])
    return [
        Original(images / image_id, group)
        for image_id, group in sorted(rows.items())
        if (images / image_id).suffix == ".jpg" and (images / image_id).exists()
    ]


def unlabelled(images: Path) -> list[Original]:
    """The JPEG files of a folder, each with one small ship so that there is something to learn."""
    return [Original(path, ["590 40 1358 40"]) for path in sorted(images.glob("*.jpg"))]


def repeat(originals: list[Original], data: Path, count: int, quality: int = 95) -> None:
    """Makes `data` hold exactly `count` images with labels.csv and scenes.csv.

    The same count, or a smaller one of before, gives the same files of JPEG quality `quality`. Originals that
    cannot be decoded stay as they are but for a comment.
    """
    images = data / "images"
    images.mkdir(parents=True, exist_ok=True)
    labels, scenes = ["ImageId,EncodedPixels"], ["ImageId,SceneId"]
    names = set()
    for number, original in enumerate(islice(cycle(originals), count)):
        image_id = f"{number:06d}.jpg"
        names.add(image_id)
        jpeg, rows = _variant(original, number, quality)
        (images / image_id).write_bytes(jpeg)
        labels += [f"{image_id},{row}" for row in rows]
        scenes.append(f"{image_id},scene{number // _IMAGES_A_SCENE}")
    for path in images.iterdir():
        if path.name not in names:
            path.unlink()
    (data / "labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (data / "scenes.csv").write_text("\n".join(scenes) + "\n", encoding="utf-8")


def _variant(original: Original, number: int, quality: int) -> tuple[bytes, list[str]]:
    """JPEG with halved colour (4:2:0), and label rows of a part of the original."""
    jpeg = original.path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if picture is None or picture.shape[0] != picture.shape[1]:
        return _with_comment(jpeg, str(number)), original.rows
    random = np.random.default_rng(number)
    edge_px = picture.shape[0]
    part_px = int(random.uniform(0.75, 1) * edge_px)
    top, left = random.integers(0, edge_px - part_px + 1, 2)
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))

    def change(pixels: npt.NDArray[np.uint8], interpolation: int) -> npt.NDArray[np.uint8]:
        part = np.rot90(pixels[top : top + part_px, left : left + part_px], turns)
        part = np.ascontiguousarray(part[:, ::-1] if mirrored else part)
        return np.asarray(cv2.resize(part, (edge_px, edge_px), interpolation=interpolation), np.uint8)

    masks = [
        change(rle.decode(row, edge_px, edge_px), cv2.INTER_NEAREST)
        for row in original.rows
        if _fits(row, edge_px)
    ]
    rows = [rle.encode(mask) for mask in masks if mask.any()] or [""]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", change(picture, cv2.INTER_AREA), options)[1].tobytes(), rows


def _fits(row: str, edge_px: int) -> bool:
    try:
        rle.parse_runs(row, edge_px, edge_px)
    except rle.RleError:
        return False
    return True


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture in other bytes: a comment segment (ITU-T T.81, B.2.4.5) behind the start marker."""
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]
