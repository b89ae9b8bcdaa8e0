"""The model store as TF Serving lays it out: `<store>/<version>/saved_model.pb`, versions are integers."""

import posixpath

from tfx.dsl.io import fileio
from tfx.utils import path_utils

# Pusher copies this file last, so a half-copied version does not count.
_LAST_COPIED = "saved_model.pb"
# TensorFlow Serving ignores assets.extra, and copies of the model keep it.
ASSETS_EXTRA = "assets.extra"
# Statistics of the data that a model comes from, `Split-NAME/FeatureStats.pb`, beneath `ASSETS_EXTRA`.
DATA_STATISTICS = "data_statistics"


def latest_version(store: str) -> str | None:
    """Folder of the newest complete version in the store, or None if there is none."""
    if not fileio.exists(store):
        return None
    versions = sorted(
        (int(name) for name in fileio.listdir(store) if name.strip("/").isdigit()), reverse=True
    )
    for version in versions:
        folder = posixpath.join(store, str(version))
        if fileio.exists(posixpath.join(folder, _LAST_COPIED)):
            return folder
    return None


def holds_model(artifact_uri: str) -> bool:
    """Whether a Model artifact holds a SavedModel; that of `Baseline` is empty before the first push."""
    return bool(fileio.exists(posixpath.join(path_utils.serving_model_dir(artifact_uri), _LAST_COPIED)))


def accepted_statistics(store: str) -> str:
    """Folder with the statistics of the data of the latest pushed model, "" if there are none."""
    version = latest_version(store)
    folder = posixpath.join(version, ASSETS_EXTRA, DATA_STATISTICS) if version else ""
    return folder if folder and fileio.exists(folder) else ""
