"""Which version in the store a model is, by the contents of its files."""

import posixpath

from components.baseline.model_store import versions
from components.evaluation.digests import folder_digest


def version_of(model_digest: str, store: str) -> str:
    """The newest version in the store that is this model, "" if it has none."""
    for version in reversed(versions(store)):
        if folder_digest(posixpath.join(store, str(version))) == model_digest:
            return str(version)
    return ""
