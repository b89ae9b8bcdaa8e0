"""Listing, and the fingerprint that decides whether the cache may answer."""

import os

import pytest

from components.beam_files import read_bytes
from components.errors import InputError
from components.ship_example_gen import listing
from components.ship_example_gen.listing import (
    data_fingerprint,
    list_images,
    read_or_nothing,
    told_if_too_large,
)


def test_lists_known_endings_by_name_in_any_case(tmp_path):
    for name in ("b.JPG", "a.png", "c.tiff", "d.tif", "e.jpeg", "notes.txt", "jpg"):
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken_link.jpg").symlink_to(tmp_path / "nowhere")
    images = list_images(str(tmp_path))
    assert [image.image_id for image in images] == [
        "a.png", "b.JPG", "broken_link.jpg", "c.tiff", "d.tif", "e.jpeg",
    ]  # fmt: skip
    assert [image.size for image in images] == [2, 2, -1, 2, 2, 2]


def test_fingerprint_is_stable_and_sees_every_change(data_set):
    seen = {data_fingerprint(*data_set.paths)}
    assert data_fingerprint(*data_set.paths) in seen

    def is_new() -> bool:
        count = len(seen)
        seen.add(data_fingerprint(*data_set.paths))
        return len(seen) > count

    image = data_set.images / "image0.jpg"
    os.utime(image, ns=(1, 2))
    assert is_new()
    image.write_bytes(image.read_bytes() + b"\0")
    os.utime(image, ns=(1, 2))
    assert is_new()
    image.rename(data_set.images / "image9.jpg")
    assert is_new()
    data_set.labels.write_text(data_set.labels.read_text().replace("image3", "image4"))
    assert is_new()
    data_set.scenes.write_text(data_set.scenes.read_text().replace("harbour", "port"))
    assert is_new()
    assert data_fingerprint(str(data_set.images), str(data_set.labels), "") not in seen


@pytest.fixture
def memory_filesystem(monkeypatch):
    """A Beam filesystem "memory://" that holds a folder with one image and one other file."""
    from apache_beam.io import filesystem
    from apache_beam.io.filesystems import FileSystems

    files = {
        "memory://images/a.jpg": b"picture",
        "memory://images/sub/b.jpg": b"",
        "memory://images/c.txt": b"",
    }

    def match(patterns: list[str]) -> list[filesystem.MatchResult]:
        prefix = patterns[0].removesuffix("*")
        hits = [
            filesystem.FileMetadata(path, len(files[path]), 5.0) for path in files if path.startswith(prefix)
        ]
        return [filesystem.MatchResult(patterns[0], hits)]

    def open_(path: str, **_):
        from io import BytesIO

        if path not in files:
            raise FileNotFoundError(path)
        return BytesIO(files[path])

    monkeypatch.setattr(FileSystems, "match", staticmethod(match))
    monkeypatch.setattr(FileSystems, "open", staticmethod(open_))


def test_remote_folder(memory_filesystem):
    (image,) = list_images("memory://images")
    assert (image.image_id, image.path, image.size, image.modified) == (
        "a.jpg", "memory://images/a.jpg", 7, 5.0,
    )  # fmt: skip
    assert read_bytes(image.path) == b"picture"
    with pytest.raises(InputError, match="no image in the folder"):
        list_images("memory://elsewhere")
    with pytest.raises(InputError, match="no such table"):
        data_fingerprint("memory://images", "memory://labels.csv", "")


def test_what_is_too_large_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    (image,) = list_images(str(tmp_path))
    assert told_if_too_large(image.size) == ""
    assert read_or_nothing(image.path, image.size) == b"picture"
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 6)
    assert told_if_too_large(image.size) == "7 bytes, more than 6"
    assert read_or_nothing(image.path, image.size) == b""


def test_nothing_is_read_from_an_unknown_filesystem():
    assert read_or_nothing("nosuch://images/a.jpg", 7) == b""


def test_remote_folder_of_an_unknown_filesystem():
    with pytest.raises(InputError, match="cannot list the folder nosuch://images"):
        list_images("nosuch://images")
