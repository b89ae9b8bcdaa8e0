"""The artifact type of a review."""

from tfx.types import artifact


class ModelReview(artifact.Artifact):
    """Folder with `index.html`, the page for the person who lets a model be pushed."""

    TYPE_NAME = "ModelReview"
