"""The model store as TF Serving lays it out: `<store>/<version>/saved_model.pb`, versions are integers."""

import posixpath
import re
import time

from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

# Pusher copies this file last, so a half-copied version does not count.
_LAST_COPIED = "saved_model.pb"
# TensorFlow Serving ignores assets.extra, and copies of the model keep it.
ASSETS_EXTRA = "assets.extra"
# Statistics of the data that a model comes from, `Split-NAME/FeatureStats.pb`, beneath `ASSETS_EXTRA`.
DATA_STATISTICS = "data_statistics"
# Settings of the stages that a model comes from, beneath `ASSETS_EXTRA`.
SETTINGS_FILE = "settings.json"


def versions(store: str) -> list[int]:
    """The complete versions in the store, oldest first."""
    return [version for version in _numbered(store) if _is_complete(store, version)]


def latest_version(store: str) -> str | None:
    """Folder of the newest complete version in the store, or None if there is none."""
    complete = versions(store)
    return posixpath.join(store, str(complete[-1])) if complete else None


def copy_as_newest(store: str, version: int) -> int:
    """Copy a version to a new and higher one, in the order that readers of the store rely on.

    Returns:
        the new version: the present Unix time, as Pusher numbers, or one more than the highest.
    """
    newest = max(int(time.time()), _numbered(store)[-1] + 1)
    source, target = (posixpath.join(store, str(number)) for number in (version, newest))
    io_utils.copy_dir(source, target, deny_regex_patterns=[rf"{re.escape(_LAST_COPIED)}$"])
    io_utils.copy_file(posixpath.join(source, _LAST_COPIED), posixpath.join(target, _LAST_COPIED))
    return newest


def _numbered(store: str) -> list[int]:
    if not fileio.exists(store):
        return []
    return sorted(int(name) for name in (name.strip("/") for name in fileio.listdir(store)) if name.isdigit())


def _is_complete(store: str, version: int) -> bool:
    return bool(fileio.exists(posixpath.join(store, str(version), _LAST_COPIED)))


def holds_model(artifact_uri: str) -> bool:
    """Whether a Model artifact holds a SavedModel; that of `Baseline` is empty before the first push."""
    return bool(fileio.exists(posixpath.join(path_utils.serving_model_dir(artifact_uri), _LAST_COPIED)))


def accepted_statistics(store: str) -> str:
    """Folder with the statistics of the data of the latest pushed model, "" if there are none."""
    version = latest_version(store)
    folder = posixpath.join(version, ASSETS_EXTRA, DATA_STATISTICS) if version else ""
    return folder if folder and fileio.exists(folder) else ""
