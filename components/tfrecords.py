"""Reading and writing the record files of an Examples artifact by Beam and, in one stream, by TensorFlow.

Beam's own transforms would do but for two things: `WriteToTFRecord` always deflates at level 6, which costs
more time than all the measuring of an image and saves nothing, since JPEG and PNG bytes are compressed
already; and each is ten steps with side inputs, which take the in-process runner 0.15 s for every split of
every stage. Here they are three for all splits. (`fileio.WriteToFiles` loses files without a word where they
cannot be renamed.)
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindows

from components.record_files import (
    FILE_PREFIX,
    GzipFile,
    UnfinishedFiles,
    records_of,
    split_folder,
    unfinished_folder,
)


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
    for record in records_of(path):
        yield split, record


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
        return records | "Write" >> beam.ParDo(_WriteUnfinished(self._uris)) | FinishSplits(self._uris)


class FinishSplits(beam.PTransform):
    """Makes pairs (split, path) of `UnfinishedFiles` the files of the splits, in the order of their names.

    A split without any gets one empty file.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        """Args: uris: for each split the artifact that it belongs to."""
        super().__init__()
        self._uris = dict(uris)

    def expand(self, unfinished: beam.PCollection) -> beam.PCollection:
        """Returns the names of the files."""
        # So that each split comes up once, with or without records.
        splits = unfinished.pipeline | "Splits" >> beam.Create(
            [(split, "") for split in self._uris], reshuffle=False
        )
        return (unfinished, splits) | beam.Flatten() | beam.GroupByKey() | beam.FlatMap(_finish, self._uris)


class _WriteUnfinished(beam.DoFn):
    """Pairs (split, record) -> pairs (split, name of a file), a file for each split and bundle."""

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._uris = uris

    def start_bundle(self) -> None:
        """Begins without files."""
        self._files = UnfinishedFiles(self._uris)

    def process(self, item: tuple[str, bytes]) -> None:
        """Writes a record."""
        self._files.write(*item)

    def finish_bundle(self) -> Iterator[Any]:
        """Closes the files and tells their names."""
        yield from map(GlobalWindows.windowed_value, self._files.close())


def _finish(files: tuple[str, Iterable[str]], uris: Mapping[str, str]) -> list[str]:
    """Gives the files of a split their names; may be done again after it failed halfway."""
    split, unfinished = files
    paths = sorted(path for path in unfinished if path)
    folder = split_folder(uris[split], split)
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    count = max(1, len(paths))
    names = [
        posixpath.join(folder, f"{FILE_PREFIX}-{number:05d}-of-{count:05d}.gz") for number in range(count)
    ]
    if not paths:
        GzipFile(names[0]).close()
        return names
    for path, name in zip(paths, names, strict=True):
        if not FileSystems.exists(name):
            FileSystems.rename([path], [name])
    if FileSystems.exists(unfinished_folder(uris[split], split)):
        FileSystems.delete([unfinished_folder(uris[split], split)])
    return names
