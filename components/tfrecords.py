"""Reading and writing the record files of an Examples artifact: `URI/Split-NAME/data_tfrecord-*.gz`.

The layout is TFX's own, so every TFX component reads it. Beam's `WriteToTFRecord` would do but for one thing:
it always deflates at level 6, which costs more time than all the measuring of an image and saves nothing,
since JPEG and PNG bytes are compressed already (figures in `_STORED`).
"""

import gzip
import posixpath
import struct
from collections.abc import Iterator, Sequence
from typing import IO, Any

import apache_beam as beam
import google_crc32c
import tensorflow as tf
from apache_beam.coders import BytesCoder
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# gzip level "stored". Measured on the 354 real tiles (93 KB on average) with one core: level 6 takes 3.2 ms
# an image, level 1 3.1 ms, level 0 0.5 ms; level 6 makes the files 1.5 % smaller.
_STORED = 0
_FILE_PREFIX = "data_tfrecord"


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


class ReadSplit(beam.PTransform):
    """Serialized examples (bytes) of a split; fails when the pipeline is built if the split has no files."""

    def __init__(self, uri: str, split: str) -> None:
        super().__init__()
        self._pattern = posixpath.join(split_folder(uri, split), "*")

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Reads the files of the split in no particular order."""
        return pbegin | "Read" >> beam.io.ReadFromTFRecord(
            self._pattern, compression_type=CompressionTypes.GZIP
        )


class ReadSplits(beam.PTransform):
    """Pairs (split, serialized example) of several splits in one stream.

    One read of all files instead of a Flatten of several reads, at which the in-memory runner would hold
    every image of every split.

    Raises:
        FileNotFoundError: when the pipeline is built, if a split has no files.
    """

    def __init__(self, uri: str, splits: Sequence[str]) -> None:
        super().__init__()
        self._files: list[str] = []
        for split in splits:
            pattern = posixpath.join(split_folder(uri, split), "*")
            files = [file.path for file in FileSystems.match([pattern])[0].metadata_list]
            if not files:
                raise FileNotFoundError(f"no record files in {split_folder(uri, split)}")
            self._files += sorted(files)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Reads the files in no particular order."""
        return (
            pbegin
            | "Files" >> beam.Create(self._files)
            | "Read"
            >> beam.io.ReadAllFromTFRecord(compression_type=CompressionTypes.GZIP, with_filename=True)
            | "NameSplit" >> beam.MapTuple(_name_split).with_output_types(tuple[str, bytes])
        )


def _name_split(file: str, record: bytes) -> tuple[str, bytes]:
    return posixpath.basename(posixpath.dirname(file)).removeprefix("Split-"), record


class WriteSplit(beam.PTransform):
    """Writes serialized examples (bytes) as a split; an empty collection gives one empty file.

    There is no reshuffle: the in-memory runner would hold every image of the split in one.
    """

    def __init__(self, uri: str, split: str) -> None:
        super().__init__()
        self._prefix = posixpath.join(split_folder(uri, split), _FILE_PREFIX)

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        """Returns the names of the files that were written."""
        return records | "Write" >> beam.io.Write(_StoredGzipSink(self._prefix))


class _StoredGzipSink(FileBasedSink):
    """TFRecord framing inside gzip blocks that are stored, not deflated."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            prefix,
            coder=BytesCoder(),
            file_name_suffix=".gz",
            # The gzip layer is added in open(); Beam must not add another.
            compression_type=CompressionTypes.UNCOMPRESSED,
        )

    def open(self, temp_path: str) -> "_GzipFile":
        return _GzipFile(super().open(temp_path))

    def write_encoded_record(self, file_handle: "_GzipFile", value: bytes) -> None:
        file_handle.write(frame(value))


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
