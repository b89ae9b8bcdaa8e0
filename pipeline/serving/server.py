"""REST and gRPC in one event loop, beside the thread that watches the versions."""

import asyncio
import logging
from pathlib import Path

from aiohttp import web

from components.errors import InputError
from pipeline.serving import sample
from pipeline.serving.desk import Desk
from pipeline.serving.grpc_services import make_server
from pipeline.serving.metrics import Metrics
from pipeline.serving.options import Address, Limits
from pipeline.serving.predictor import Predictor
from pipeline.serving.rest import Rest
from pipeline.serving.versions import Versions

LOGGER = logging.getLogger("ships.serving")

# How long requests under way are waited for at the end.
_GRACE_S = 30.0


class Server:
    """All of `ships serve` but the command line.

    Attributes:
        versions: what is served.
        rest_port, grpc_port: where the server listens once it has started.
    """

    def __init__(self, name: str, folder: Path, address: Address, limits: Limits, poll_s: float) -> None:
        """Make a server that listens nowhere yet.

        Args:
            name: of the model.
            folder: with its versions.
            address: where to listen.
            limits: of the requests.
            poll_s: how often to look for new versions.
        """
        metrics = Metrics()
        self.versions = Versions(name, folder, lambda: sample.sea_with_ships(0), metrics)
        self.rest_port = self.grpc_port = 0
        self._address = address
        self._poll_s = poll_s
        self._desk = Desk(limits, metrics)
        predictor = Predictor(self.versions, limits, metrics)
        # An address is written to the log by whoever stands in front of this server.
        self._runner = web.AppRunner(
            Rest(predictor, self._desk, metrics).application(), access_log=None, shutdown_timeout=_GRACE_S
        )
        self._predictor = predictor

    async def start(self) -> None:
        """Listen, then load the newest version; requests before that are told to come again.

        Raises:
            InputError: a port is taken or the host is not one of this machine.
        """
        address = self._address
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, address.host, address.rest_port)
            await site.start()
        except OSError as error:
            raise InputError(
                f"cannot listen on {address.host}:{address.rest_port}: {error.strerror}"
            ) from None
        self.rest_port = self._runner.addresses[0][1]
        # Made here because it belongs to the running loop.
        self._grpc = make_server(self._predictor, self._desk)
        try:
            self.grpc_port = self._grpc.add_insecure_port(_joined(address.host, address.grpc_port))
        except RuntimeError:
            raise InputError(f"cannot listen on {address.host}:{address.grpc_port}: is it in use?") from None
        await self._grpc.start()
        LOGGER.info(
            "listening on http://%s (REST, page) and %s (gRPC)",
            _joined(address.host, self.rest_port),
            _joined(address.host, self.grpc_port),
        )
        await asyncio.to_thread(self.versions.refresh)
        self.versions.watch(self._poll_s)

    async def stop(self) -> None:
        """Take no more requests, answer those under way, and end all threads."""
        await asyncio.gather(self._runner.cleanup(), self._grpc.stop(_GRACE_S))
        await asyncio.to_thread(self.versions.stop)
        await asyncio.to_thread(self._desk.close)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
