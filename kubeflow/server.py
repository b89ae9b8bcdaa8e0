"""The connection to a Kubeflow Pipelines server: `kfp.Client`, with errors that say what to do."""

import contextlib
import io
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kfp
import urllib3
from kfp.client import set_volume_credentials
from kfp_server_api import ApiException

from components.errors import InputError

# Connecting, and waiting for the first answer; kfp itself would wait as long as the system does.
_PATIENCE_S = (5, 20)
_LOGIN = "Give a token by --token-file; docs/kubeflow.md says where there is one"
_SHOWN = 2000


class _Client(kfp.Client):
    """Asks for the server's health once, where kfp's own asks five times, 5 s apart, and logs tracebacks."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        health, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(
            _request_timeout=_PATIENCE_S
        )
        if "json" not in headers.get("Content-Type", ""):
            raise InputError(
                "answers with a web page, not as the API of Kubeflow Pipelines. If that page is a login: "
                f"{_LOGIN}"
            )
        return health


class Server:
    """A KFP server with the v2beta1 API, reached once.

    Attributes:
        host: address without a slash at its end.
        namespace: of the user's experiments, runs and pipelines; None on a server for a single user.
        client: kfp's own; `api` wraps it so that its errors are explained.
    """

    def __init__(self, host: str, namespace: str = "", token_file: Path | None = None) -> None:
        """Connect.

        Args:
            host: address of the API, which is that of the UI too.
            namespace: needed on servers with many users; "" takes that of kfp's own configuration.
            token_file: bearer token, read anew for every request; None leaves it to kfp's configuration and
                environment variables.

        Raises:
            InputError: there is no such server, it refuses the token, or it is none of KFP v2.
        """
        if not host.startswith(("http://", "https://")):
            raise InputError(f"--host {host}: expected http://... or https://...")
        self.host = host.rstrip("/")
        credentials = None
        if token_file is not None:
            _check_token(token_file)
            credentials = set_volume_credentials.ServiceAccountTokenVolumeCredentials(str(token_file))
        try:
            with quiet():
                self.client = _Client(host=self.host, namespace=namespace, credentials=credentials)
                health = self.client.get_kfp_healthz()
        except ApiException as error:
            if error.status == 404:
                raise InputError(
                    f"--host {host}: has no API of version v2beta1. `ships submit` needs Kubeflow Pipelines "
                    "2.0 or newer, and the address under which its UI is found"
                ) from None
            raise self.explained(error) from None
        except InputError as error:
            raise InputError(f"--host {host}: {error}") from None
        except urllib3.exceptions.HTTPError as error:
            raise self.explained(error) from None
        self.namespace: str | None = self.client.get_user_namespace() or None
        if health.multi_user and not self.namespace:
            raise InputError(
                f"--host {host}: serves many users, each in a namespace: give yours by --namespace"
            )

    @contextlib.contextmanager
    def api(self) -> Iterator[Any]:
        """`kfp.Client` for calls whose failure ends the command.

        Raises:
            InputError: in place of what the client raises.
        """
        try:
            with quiet():
                yield self.client
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise self.explained(error) from None

    def find(self, list_page: Callable[..., Any], items: str, name: str, **scope: str | None) -> Any | None:
        """What has a display name, by one of the client's functions that list by pages; None if nothing has.

        Args:
            list_page: such as `list_pipelines`.
            items: attribute of its answer with the things themselves.
            name: wanted.
            scope: further arguments of `list_page`.
        """
        # Operation 1 is EQUALS, https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/filter.proto
        wanted = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})
        token = ""
        while True:
            page = list_page(page_token=token, filter=wanted, **scope)
            for found in getattr(page, items) or ():
                if found.display_name == name:
                    return found
            token = page.next_page_token
            if not token:
                return None

    def explained(self, error: Exception) -> InputError:
        """What went wrong, for a user."""
        if not isinstance(error, ApiException):
            # Both begin with the object that they are about.
            told = re.sub(r"^.*?[>)]: ", "", str(getattr(error, "reason", None) or error))
            return InputError(f"{self.host} does not answer: {told}. Is the address right, is a tunnel up?")
        message = _message(error)
        if error.status in (401, 403):
            return InputError(
                f"{self.host} refuses: {error.status} {error.reason}{_after(message)}. {_LOGIN}"
            )
        return InputError(f"{self.host} answers {error.status} {error.reason}{_after(message)}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what kfp prints off the terminal: links that we print too, and warnings about itself."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed later: no connection, or a server that is overloaded."""
    return (
        not isinstance(error, ApiException)
        or not error.status
        or error.status in (408, 429, *range(500, 600))
    )


def _check_token(file: Path) -> None:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--token-file {file}: cannot be read: {getattr(error, 'strerror', error)}"
        ) from None
    if not token or len(token.split()) > 1:
        raise InputError(f"--token-file {file}: expected a file with a token and nothing else")


def _message(error: ApiException) -> str:
    """The server's own words; the upload service has other names for them than the rest of the API."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        told = json.loads(body)
    except ValueError:
        return "" if "<" in body else body.strip()[:_SHOWN]
    if not isinstance(told, dict):
        return ""
    words = told.get("error_message") or told.get("message") or told.get("error") or ""
    return str(words).strip().rstrip(".")[:_SHOWN]


def _after(message: str) -> str:
    return f": {message}" if message else ""
