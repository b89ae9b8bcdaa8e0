"""A large data set made of copies of few images, for benchmarks and tests of scale."""

import csv
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

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


def repeat(originals: list[Original], data: Path, count: int) -> None:
    """Makes `data` hold exactly `count` images with labels.csv and scenes.csv; images that are there stay.

    Each copy has a comment of its own, so that all bytes differ: equal files might be recognised as such.
    """
    images = data / "images"
    images.mkdir(parents=True, exist_ok=True)
    labels, scenes = ["ImageId,EncodedPixels"], ["ImageId,SceneId"]
    names = set()
    for number, original in enumerate(islice(cycle(originals), count)):
        image_id = f"{number:06d}.jpg"
        names.add(image_id)
        labels += [f"{image_id},{row}" for row in original.rows]
        scenes.append(f"{image_id},scene{number // _IMAGES_A_SCENE}")
        if not (images / image_id).exists():
            (images / image_id).write_bytes(_with_comment(original.path.read_bytes(), str(number)))
    for path in images.iterdir():
        if path.name not in names:
            path.unlink()
    (data / "labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (data / "scenes.csv").write_text("\n".join(scenes) + "\n", encoding="utf-8")


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture in other bytes: a comment segment (ITU-T T.81, B.2.4.5) behind the start marker."""
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]
