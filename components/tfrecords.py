"""Reading and writing the record files of an Examples artifact: `URI/Split-NAME/data_tfrecord-*.gz`.

The layout is TFX's own, so every TFX component reads it. Beam's own transforms would do but for two things:
`WriteToTFRecord` always deflates at level 6, which costs more time than all the measuring of an image and
saves nothing, since JPEG and PNG bytes are compressed already (figures in `_STORED`); and each is ten steps
with side inputs, which take the in-process runner 0.15 s for every split of every stage. Here they are three
for all splits. (`fileio.WriteToFiles` loses files without a word where they cannot be renamed.)
"""

import gzip
import posixpath
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import apache_beam as beam
import google_crc32c
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindows

# gzip level "stored". Measured on the 354 real tiles (93 KB on average) with one core: level 6 takes 3.2 ms
# an image, level 1 3.1 ms, level 0 0.5 ms; level 6 makes the files 1.5 % smaller.
_STORED = 0
_FILE_PREFIX = "data_tfrecord"
# The gzip layer is ours; Beam must not add another.
_PLAIN = CompressionTypes.UNCOMPRESSED
# zlib's name for a gzip stream.
_GZIP = 31
_READ_BYTES = 1 << 20
# Lengths and checksums around a record.
_HEAD, _FOOT = struct.Struct("<Q4s"), struct.Struct("<4s")


def split_folder(uri: str, split: str) -> str:
    """Folder of a split inside an Examples artifact."""
    return posixpath.join(uri, f"Split-{split}")


def read_records(uri: str, split: str) -> Iterator[bytes]:
    """Serialized examples of a split, one at a time, outside of Beam.

    Raises:
        FileNotFoundError: the split has no files (an empty split has one empty file).
    """
    files = sorted(tf.io.gfile.glob(posixpath.join(split_folder(uri, split), "*")))
    if not files:
        raise FileNotFoundError(f"no record files in {split_folder(uri, split)}")
    yield from tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()


class ReadSplits(beam.PTransform):
    """Pairs (split, serialized example) of several splits in one stream.

    One read of all files instead of a Flatten of several reads, at which the in-memory runner would hold
    every image of every split.

    Raises:
        FileNotFoundError: when the pipeline is built, if a split has no files.
    """

    def __init__(self, uri: str, splits: Sequence[str]) -> None:
        super().__init__()
        self._files: list[tuple[str, str]] = []
        for split in splits:
            pattern = posixpath.join(split_folder(uri, split), "*")
            files = [file.path for file in FileSystems.match([pattern])[0].metadata_list]
            if not files:
                raise FileNotFoundError(f"no record files in {split_folder(uri, split)}")
            self._files += [(split, file) for file in sorted(files)]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Reads the files in no particular order."""
        read = beam.FlatMapTuple(_read_file).with_output_types(tuple[str, bytes])
        return pbegin | "Files" >> beam.Create(self._files) | "Read" >> read


def _read_file(split: str, path: str) -> Iterator[tuple[str, bytes]]:
    with FileSystems.open(path, compression_type=_PLAIN) as file:
        for record in unframe(_inflate(file, path), path):
            yield split, record


def _inflate(file: IO[bytes], path: str) -> Iterator[bytes]:
    """Content of a gzip file in pieces, of all its members (RFC 1952, 2.2) as of one."""
    stream = zlib.decompressobj(_GZIP)
    while piece := file.read(_READ_BYTES):
        yield stream.decompress(piece)
        while stream.eof and (following := stream.unused_data):
            stream = zlib.decompressobj(_GZIP)
            yield stream.decompress(following)
    if not stream.eof:
        raise OSError(f"{path} ends before its gzip stream does")


def unframe(pieces: Iterable[bytes], path: str) -> Iterator[bytes]:
    """The records of a file, see `frame`.

    Args:
        pieces: its content, cut anywhere.
        path: its name, for the message.

    Raises:
        OSError: a checksum is wrong, or the file ends within a record.
    """
    rest = bytearray()
    for piece in pieces:
        rest += piece
        at = 0
        while len(rest) >= at + _HEAD.size:
            length, checksum = _HEAD.unpack_from(rest, at)
            if _masked_crc32c(bytes(rest[at : at + 8])) != checksum:
                raise OSError(f"{path}: the checksum of the length of a record is wrong")
            end = at + _HEAD.size + length
            if len(rest) < end + _FOOT.size:
                break
            record = bytes(memoryview(rest)[at + _HEAD.size : end])
            if _FOOT.pack(_masked_crc32c(record)) != rest[end : end + _FOOT.size]:
                raise OSError(f"{path}: the checksum of a record is wrong")
            yield record
            at = end + _FOOT.size
        del rest[:at]
    if rest:
        raise OSError(f"{path} ends within a record")


class WriteSplits(beam.PTransform):
    """Writes pairs (split, serialized example); a split without any gets one empty file.

    There is no reshuffle: the in-memory runner would hold every image in one.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        """Args: uris: for each split the artifact that it belongs to."""
        super().__init__()
        self._uris = dict(uris)

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        """Returns the names of the files that were written."""
        # So that each split comes up once, with or without records.
        splits = records.pipeline | "Splits" >> beam.Create(
            [(split, "") for split in self._uris], reshuffle=False
        )
        written = records | "Write" >> beam.ParDo(_WriteUnfinished(self._uris))
        return (written, splits) | beam.Flatten() | beam.GroupByKey() | beam.FlatMap(_finish, self._uris)


class _WriteUnfinished(beam.DoFn):
    """Pairs (split, record) -> pairs (split, name of a file), a file for each split and bundle.

    A bundle that fails is done again, so its files are not yet those of the split.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._uris = uris
        self._files: dict[str, tuple[str, _GzipFile]] = {}

    def start_bundle(self) -> None:
        """Begins without files."""
        self._files = {}

    def process(self, item: tuple[str, bytes]) -> None:
        """Writes a record."""
        split, record = item
        if split not in self._files:
            path = posixpath.join(_unfinished(self._uris[split], split), f"{_FILE_PREFIX}-{uuid.uuid4().hex}")
            self._files[split] = path, _GzipFile(FileSystems.create(path, compression_type=_PLAIN))
        self._files[split][1].write(frame(record))

    def finish_bundle(self) -> Iterator[Any]:
        """Closes the files and tells their names."""
        for split, (path, file) in self._files.items():
            file.close()
            yield GlobalWindows.windowed_value((split, path))


def _unfinished(uri: str, split: str) -> str:
    # Beside the folder of the split, in which readers take every file for one of records.
    return posixpath.join(uri, f"unfinished-{split}")


def _finish(files: tuple[str, Iterable[str]], uris: Mapping[str, str]) -> list[str]:
    """Gives the files of a split their names; may be done again after it failed halfway."""
    split, unfinished = files
    paths = sorted(path for path in unfinished if path)
    folder = split_folder(uris[split], split)
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    count = max(1, len(paths))
    names = [
        posixpath.join(folder, f"{_FILE_PREFIX}-{number:05d}-of-{count:05d}.gz") for number in range(count)
    ]
    if not paths:
        _GzipFile(FileSystems.create(names[0], compression_type=_PLAIN)).close()
        return names
    for path, name in zip(paths, names, strict=True):
        if not FileSystems.exists(name):
            FileSystems.rename([path], [name])
    if FileSystems.exists(_unfinished(uris[split], split)):
        FileSystems.delete([_unfinished(uris[split], split)])
    return names


class _GzipFile(gzip.GzipFile):
    """A gzip stream that closes the file beneath it, and whose bytes depend on nothing but its content."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(filename="", mode="wb", compresslevel=_STORED, fileobj=file, mtime=0)
        self._beneath: Any = file

    def close(self) -> None:
        super().close()
        self._beneath.close()


def frame(record: bytes) -> bytes:
    """A record as TFRecord files hold it: length, its checksum, the bytes, their checksum (little endian).

    Format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked_crc32c(length), record, _masked_crc32c(record)))


def _masked_crc32c(payload: bytes) -> bytes:
    crc = google_crc32c.value(payload)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)
