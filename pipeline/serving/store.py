"""The folder of a model's versions as TF Serving lays it out, `<version>/saved_model.pb`."""

import re
from dataclasses import dataclass
from pathlib import Path

# TF Serving reads version folders as int64.
_VERSION = re.compile(r"0|[1-9][0-9]{0,18}")
# The Pusher copies it last (see components.baseline.model_store, which would import TFX).
_LAST_COPIED = "saved_model.pb"


@dataclass(frozen=True)
class StoredVersion:
    """A version folder as it is found.

    Attributes:
        number: the version.
        folder: where it is.
        complete: whether the file is there that is written last.
        state: names, sizes and times of its files; changes while it is being written.
    """

    number: int
    folder: Path
    complete: bool
    state: tuple[tuple[str, int, int], ...]


def find_versions(folder: Path) -> list[StoredVersion]:
    """Version folders, newest first. Whatever has no version number for a name is passed over.

    A folder that vanishes while it is looked at, or the whole model, counts as not there.
    """
    try:
        names = [
            entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name) and entry.is_dir()
        ]
        return [_look(folder / name) for name in sorted(names, key=int, reverse=True)]
    except OSError:
        return []


def _look(folder: Path) -> StoredVersion:
    state = []
    for file in sorted(folder.rglob("*")):
        status = file.stat()
        state.append((file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns))
    complete = any(name == _LAST_COPIED for name, _, _ in state)
    return StoredVersion(int(folder.name), folder, complete, tuple(state))
