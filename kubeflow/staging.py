"""Where KFP's launcher puts what an artifact's URI names.

The launcher downloads inputs and uploads outputs, but hands the URI to the task; the paths are those of
`LocalPathForURI` in kubeflow/pipelines, backend/src/v2/component/launcher_v2.go.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}


@dataclass(frozen=True)
class Staging:
    """The folder below which the launcher stages: / in a container."""

    root: Path = Path("/")

    def path(self, uri: str) -> str:
        """Local path of an artifact's URI; any other text as it is."""
        for scheme, folder in _FOLDERS.items():
            if uri.startswith(scheme):
                return str(self.root / folder / uri.removeprefix(scheme))
        return uri

    def uri(self, path: str) -> str:
        """The inverse of `path`."""
        for scheme, folder in _FOLDERS.items():
            if path.startswith(staged := f"{self.root / folder}/"):
                return scheme + path.removeprefix(staged)
        return path

    def told(self, text: str) -> str:
        """A message for people in which staged paths are URIs again, as they mean nothing outside."""
        for scheme, folder in _FOLDERS.items():
            text = text.replace(f"{self.root / folder}/", scheme)
        return text


def is_staged(path: str) -> bool:
    """Whether the launcher stages artifacts there: below its own mounts, which cannot be mounted anew."""
    above = PurePosixPath(path).parents
    return any(PurePosixPath("/", folder) in above for folder in _FOLDERS.values())


def make_folder(path: str) -> None:
    """Make the folder of an artifact, be there nothing yet or the marker of an empty one.

    An object store has no folders: an empty artifact is either not there at all, or it is an object of no
    bytes under the folder's name, which the launcher stages as an empty file (kubeflow/pipelines#13476).
    """
    folder = Path(path)
    if folder.is_file() and not folder.stat().st_size:
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
