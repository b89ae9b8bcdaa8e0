"""What lies where under the root folder of a project's runs."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.errors import InputError
from pipeline.names import MODEL_NAME

# What is left of a URI's scheme in the first part of a path.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_NO_FOLDER = (
    "expected a folder of this machine or of a mounted volume, no address. Metadata (SQLite), locks and the "
    "table of approvals, which is only ever appended to, need a file system. Images and labels may lie in an "
    "object store; where artifacts are to lie there too, run on Kubeflow (`ships submit`), the root on a "
    "volume"
)


@dataclass(frozen=True)
class Root:
    """The folder given as --root; every file of all its runs lies below it.

    Raises:
        InputError: it is an address such as s3://bucket/runs, which would quietly become a folder "s3:".
    """

    path: Path

    def __post_init__(self) -> None:
        first, *others = self.path.parts or ("",)
        if _SCHEME.fullmatch(first):
            raise InputError(f"--root {first}//{'/'.join(others)}: {_NO_FOLDER}")

    @property
    def artifacts(self) -> Path:
        """Outputs of the stages, `<stage>/<output>/<execution>/`, as TFX lays them out."""
        return self.path / "artifacts"

    @property
    def metadata(self) -> Path:
        """ML Metadata (SQLite): runs, executions, artifacts, cache."""
        return self.path / "metadata.sqlite"

    @property
    def model_store(self) -> Path:
        """Pushed models, `<version>/`, as TF Serving and KServe read them."""
        return self.path / "models" / MODEL_NAME

    @property
    def no_models(self) -> Path:
        """A model store that stays empty, for what is evaluated without a baseline."""
        return self.path / "models" / "none"

    @property
    def checkpoints(self) -> Path:
        """State of trainings that have not ended."""
        return self.path / "checkpoints"

    @property
    def decisions(self) -> Path:
        """What people decided about quarantined images; read by every run."""
        return self.path / "quarantine_decisions.csv"

    @property
    def approvals(self) -> Path:
        """Who approved, rejected or rolled back which model; read by every run."""
        return self.path / "approvals.csv"

    def run_folder(self, run_id: str) -> Path:
        """Settings, log and pictures of one run."""
        return self.path / "runs" / run_id

    def unpushable_mark(self, run_id: str) -> Path:
        """File that says of a run that it was to end with its evaluation."""
        return self.run_folder(run_id) / "evaluated_only"

    def experiment_folder(self, name: str) -> Path:
        """Tables, plot and finished variants of one experiment."""
        return self.path / "experiments" / name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the root for one run; the lock ends with the process, however that ends.

        Raises:
            InputError: another run holds it, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"--root {self.path}: cannot write there: {error.strerror}") from None
        try:
            if not _could_lock(descriptor, fcntl.LOCK_EX):
                raise InputError(
                    f"--root {self.path}: another run is using it; wait for its end or give another folder"
                )
            yield
        finally:
            os.close(descriptor)

    def is_in_use(self) -> bool:
        """Whether a run holds the root right now; writes nothing, so that whoever may read may ask."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            return not _could_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"


def _could_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
