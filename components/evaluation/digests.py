"""Digests of a model and its evaluation, over the contents of files: no folder names, no times."""

import hashlib
import posixpath
from collections.abc import Callable

from tfx.dsl.io import fileio
from tfx.utils import path_utils

from components.evaluation.subject import Subject
from components.evaluation.verdict import VERDICT_FILE

_CHUNK_BYTES = 1 << 20
# Names of the files in which TFMA keeps the metrics begin so; pictures that are drawn later do not count.
_METRICS = "metrics"


def subject_of(model_uri: str, evaluation_uri: str) -> Subject:
    """What an approval is about, from the artifacts of a candidate and its evaluation as they are now."""
    return Subject(
        folder_digest(path_utils.serving_model_dir(model_uri)),
        folder_digest(evaluation_uri, lambda name: name == VERDICT_FILE or name.startswith(_METRICS)),
    )


def folder_digest(folder: str, counts: Callable[[str], bool] = lambda name: True) -> str:
    """SHA-256 over the relative names and contents of all files below a folder.

    Args:
        folder: local path or URI.
        counts: which relative names count.
    """
    names = sorted(
        posixpath.join(place, file)[len(folder) :].lstrip("/")
        for place, _, files in fileio.walk(folder)
        for file in files
    )
    digest = hashlib.sha256()
    for name in filter(counts, names):
        digest.update(f"{name}\0{_file_digest(posixpath.join(folder, name))}\n".encode())
    return digest.hexdigest()


def _file_digest(path: str) -> str:
    digest = hashlib.sha256()
    with fileio.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
