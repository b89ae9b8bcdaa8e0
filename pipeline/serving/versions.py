"""Which version is served: the newest one in the folder that can be loaded and answers.

A new version is loaded and warmed up beside the old one, then traffic moves, and the old one is released when
its last request has been answered. If the newest folder disappears, the one before it is loaded. If all
disappear, the one in memory stays: whoever empties the folder by mistake should not stop the service as well.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.serving.faults import Fault, RequestError
from pipeline.serving.metrics import Metrics
from pipeline.serving.model import LoadedModel, UnusableModelError, release
from pipeline.serving.store import StoredVersion, find_versions

LOGGER = logging.getLogger("ships.serving")

# Names of tensorflow.serving.ModelVersionStatus.State.
LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"


@dataclass(frozen=True)
class VersionStatus:
    """State of one version; `error` says why one has ended that could not be loaded."""

    version: int
    state: str
    error: str = ""


@dataclass
class _Held:
    """A loaded model and how many requests are using it."""

    models: list[LoadedModel]
    leases: int = 0
    leaving: bool = False
    drained: threading.Event = field(default_factory=threading.Event)


class Versions:
    """The versions of one model. Thread-safe; `refresh` is for one thread at a time."""

    def __init__(self, name: str, folder: Path, sample: Callable[[], bytes], metrics: Metrics) -> None:
        """Look at nothing yet.

        Args:
            name: of the model, as requests state it.
            folder: holds the version folders; may be empty or not there yet.
            sample: makes an ordinary image file to warm up with.
            metrics: told of the served version and of failures.
        """
        self.name = name
        self._folder = folder
        self._sample = sample
        self._metrics = metrics
        self._lock = threading.Lock()
        self._served: _Held | None = None
        self._statuses: dict[int, VersionStatus] = {}
        # What was known of each folder when last looked at, and of those that failed.
        self._seen: dict[int, StoredVersion] = {}
        self._failed: dict[int, StoredVersion] = {}
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        metrics.model_version.labels(name).set(-1)

    @property
    def served(self) -> int | None:
        """The version that requests get, None if there is none."""
        with self._lock:
            return self._served.models[0].version if self._served else None

    def statuses(self) -> list[VersionStatus]:
        """Every version that was loaded or tried, newest first."""
        with self._lock:
            return [self._statuses[version] for version in sorted(self._statuses, reverse=True)]

    @contextmanager
    def lease(self, version: int | None = None) -> Iterator[LoadedModel]:
        """The served model, which stays in memory for the length of the block.

        Args:
            version: the one that is asked for; None for whichever is served.

        Raises:
            RequestError: none is served, or not this one.
        """
        with self._lock:
            held = self._served
            if held is None:
                raise RequestError(Fault.NOT_READY, f"no version of {self.name} is loaded yet")
            model = held.models[0]
            if version is not None and version != model.version:
                raise RequestError(
                    Fault.NOT_FOUND,
                    f"Servable not found for request: Specific({self.name}, {version}); "
                    f"served is version {model.version}",
                )
            held.leases += 1
        try:
            yield model
        finally:
            del model
            self._give_back(held)

    def watch(self, every_s: float) -> None:
        """Begin to look at the folder regularly, in a thread of its own."""

        def look_again() -> None:
            while not self._stopping.wait(every_s):
                try:
                    self.refresh()
                except Exception:
                    # The version in memory goes on serving whatever was found.
                    LOGGER.exception("looking for new versions failed; trying again")

        self._watcher = threading.Thread(target=look_again, name="versions", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End the watching; waits for a version that is being loaded."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()

    def refresh(self) -> None:
        """Look at the folder once, and serve what should be served."""
        found = find_versions(self._folder)
        served = self.served
        if not found:
            self._tell_once(f"{self._folder}: no version there" + (f", {served} stays" if served else ""))
        for stored in found:
            if stored.number == served:
                break
            if self._may_be_loaded(stored, served) and self._load(stored):
                break
        self._seen = {stored.number: stored for stored in found}
        self._failed = {number: was for number, was in self._failed.items() if number in self._seen}

    def _may_be_loaded(self, stored: StoredVersion, served: int | None) -> bool:
        if not stored.complete:
            self._tell_once(f"version {stored.number} is not complete: there is no saved_model.pb; waiting")
            return False
        if stored == self._failed.get(stored.number):
            return False
        # Someone may be copying file by file in any order. At the start there is nothing to lose by trying.
        return served is None or stored == self._seen.get(stored.number)

    def _load(self, stored: StoredVersion) -> bool:
        number = stored.number
        self._set_status(VersionStatus(number, LOADING))
        try:
            model = LoadedModel(stored.folder, number)
            model.warm_up(self._sample())
        except UnusableModelError as error:
            self._failed[number] = stored
            self._set_status(VersionStatus(number, END, str(error)))
            self._metrics.load_failures.labels(self.name).inc()
            LOGGER.error("version %d is not served: it %s", number, error)
            return False
        except BaseException as error:
            self._set_status(VersionStatus(number, END, str(error)))
            raise
        with self._lock:
            old, self._served = self._served, _Held([model])
            self._statuses[number] = VersionStatus(number, AVAILABLE)
        del model
        self._metrics.model_version.labels(self.name).set(number)
        LOGGER.info("version %d is served", number)
        if old:
            self._drain(old)
        return True

    def _drain(self, held: _Held) -> None:
        number = held.models[0].version
        with self._lock:
            self._statuses[number] = VersionStatus(number, UNLOADING)
            held.leaving = True
            if not held.leases:
                held.drained.set()

        def unload() -> None:
            held.drained.wait()
            release(held.models)
            # Unless it has come back meanwhile.
            with self._lock:
                if self._statuses[number].state == UNLOADING:
                    self._statuses[number] = VersionStatus(number, END)
            LOGGER.info("version %d is unloaded", number)

        threading.Thread(target=unload, name=f"unload-{number}", daemon=True).start()

    def _give_back(self, held: _Held) -> None:
        with self._lock:
            held.leases -= 1
            if held.leaving and not held.leases:
                held.drained.set()

    def _set_status(self, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[status.version] = status

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            LOGGER.warning(message)
