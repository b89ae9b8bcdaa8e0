"""Who finds ships for `ships predict`: a model in this process, or a server that speaks TF Serving's REST."""

import http.client
import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.errors import InputError, ShipsError
from components.ship_example_gen.decoding import Header
from pipeline.serving.command import check_store
from pipeline.serving.faults import RefusedImageError, RequestError
from pipeline.serving.images import check_images
from pipeline.serving.metrics import Metrics
from pipeline.serving.options import Limits
from pipeline.serving.predictor import Predictor
from pipeline.serving.sample import sea_with_ships
from pipeline.serving.versions import Versions

LOGGER = logging.getLogger("ships.serving")

_TIMEOUT_S = 120.0
# A server that is loading or busy is waited for this long.
_PATIENCE_S = 60.0
_BUSY = 503
# What is wrong with one image, rather than with the server.
_REFUSED = (400, 413, 504)


def header_of(image: bytes) -> Header:
    """Head of an image that detectors take; RefusedImageError if they do not."""
    try:
        (header,) = check_images([image], Limits())
    except RequestError as error:
        raise RefusedImageError(_without_index(str(error))) from error
    return header


@dataclass(frozen=True)
class Found:
    """What a model says of an image.

    Attributes:
        encoded_pixels: run-length string of the mask, "" for an empty one.
        ship_probability: that there is any ship, 0-1.
    """

    encoded_pixels: str
    ship_probability: float


class Detector(Protocol):
    """Finds ships on one image at a time; thread-safe."""

    version: int

    def find(self, image: bytes) -> Found:
        """The answer to an image file; RefusedImageError if there can be none."""


def make_detector(models: Path | None, server: str, name: str) -> Detector:
    """A detector of a folder of models, or of a server if there is no folder; InputError if neither does."""
    return LocalDetector(name, check_store(models, name)) if models else RemoteDetector(name, server)


class LocalDetector:
    """The newest model of a folder that can be loaded."""

    def __init__(self, name: str, folder: Path) -> None:
        """Load it.

        Raises:
            InputError: there is none.
        """
        metrics = Metrics()
        self._versions = Versions(name, folder, lambda: sea_with_ships(0), metrics)
        self._versions.refresh()
        version = self._versions.served
        if version is None:
            broken = "; ".join(f"{told.version} {told.error}" for told in self._versions.statuses())
            raise InputError(f"no model to use in {folder}" + (f": {broken}" if broken else ""))
        self.version = version
        self._predictor = Predictor(self._versions, Limits(), metrics)

    def find(self, image: bytes) -> Found:
        """See Detector."""
        try:
            outputs = self._predictor.predict([image]).outputs
        except RequestError as error:
            raise RefusedImageError(_without_index(str(error))) from error
        encoded: bytes = outputs["encoded_pixels"][0]
        return Found(encoded.decode(), float(outputs["ship_probability"][0]))


class RemoteDetector:
    """A server; all images go to the version that it serves at the start."""

    def __init__(self, name: str, server: str) -> None:
        """Ask for the version.

        Args:
            name: of the model.
            server: address of the REST port, "http://host:8501".

        Raises:
            InputError: no such server, or it serves no such model.
        """
        address = server if "://" in server else f"http://{server}"
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            raise InputError(f"--server {server}: expected an address such as http://localhost:8501")
        self._address = f"{address.rstrip('/')}/v1/models/{urllib.parse.quote(name, safe='')}"
        try:
            statuses = self._ask(self._address)["model_version_status"]
            available = [int(status["version"]) for status in statuses if status["state"] == "AVAILABLE"]
        except (urllib.error.HTTPError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"--server {server}: serves no model {name}: {_told(error)}") from error
        except OSError as error:
            raise InputError(f"--server {server}: cannot be asked: {_told(error)}") from error
        except http.client.HTTPException as error:
            raise InputError(
                f"--server {server}: does not answer by HTTP ({type(error).__name__}); is this the REST port?"
            ) from error
        if not available:
            raise InputError(f"--server {server}: no version of {name} is loaded")
        self.version = max(available)

    def find(self, image: bytes) -> Found:
        """See Detector.

        Raises:
            ShipsError: the server cannot be reached any more, or serves another version now.
        """
        body = json.dumps({"instances": [{"b64": b64encode(image).decode()}]}).encode()
        try:
            answer = self._ask(f"{self._address}/versions/{self.version}:predict", body)
            prediction = answer["predictions"][0]
            return Found(str(prediction["encoded_pixels"]), float(prediction["ship_probability"]))
        except urllib.error.HTTPError as error:
            if error.code in _REFUSED:
                raise RefusedImageError(_without_index(_told(error))) from error
            raise ShipsError(
                f"the server answered {error.code}: {_told(error)}. What is finished is kept; "
                "the same command goes on."
            ) from error
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, IndexError) as error:
            raise ShipsError(
                f"the server does not answer as expected: {_told(error)}. What is finished is kept; "
                "the same command goes on."
            ) from error

    def _ask(self, address: str, body: bytes | None = None) -> Any:
        patient_until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(address, body, _TIMEOUT_S) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != _BUSY or time.monotonic() > patient_until:
                    raise
                wait_s = error.headers.get("Retry-After", "")
                error.close()
            time.sleep(float(wait_s) if wait_s.isdigit() else 1.0)


def _told(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        try:
            return str(json.load(error)["error"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return error.reason
    return str(getattr(error, "reason", error))


def _without_index(message: str) -> str:
    """Images go one at a time, so that every one is number 0."""
    return message.removeprefix("image 0: ")
