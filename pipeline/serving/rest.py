"""TF Serving's REST API, the page, and what operators ask for, on aiohttp."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import cv2
import numpy as np
import orjson
from aiohttp import web
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from components.masks import geojson
from components.masks.instances import instances
from pipeline.serving import sample
from pipeline.serving.desk import Desk, Ticket
from pipeline.serving.faults import RETRY_AFTER_S, Fault, RequestError
from pipeline.serving.json_protocol import dump_outputs, parse_request
from pipeline.serving.metrics import Metrics
from pipeline.serving.model import MASK_SIGNATURE
from pipeline.serving.page import SECURITY_POLICY, render
from pipeline.serving.predictor import Prediction, Predictor

LOGGER = logging.getLogger("ships.serving")

VERSION_HEADER = "X-Model-Version"
_JSON = "application/json"
_MODEL = "/v1/models/{name:[^/:]+}"
_VERSION = "/versions/{version:[^/:]+}"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Rest:
    """The handlers; `application` is what a runner serves."""

    def __init__(self, predictor: Predictor, desk: Desk, metrics: Metrics) -> None:
        self._predictor = predictor
        self._desk = desk
        self._metrics = metrics

    def application(self) -> web.Application:
        """The routes. Bodies above the limit are cut off while they are received."""
        app = web.Application(
            client_max_size=self._predictor.limits.body_bytes, middlewares=[_errors_as_json]
        )
        app.add_routes(
            [
                web.get("/", self._page),
                web.post("/find", self._find),
                web.get("/sample.jpg", self._sample),
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics_text),
            ]
        )
        for path in (_MODEL, _MODEL + _VERSION):
            app.router.add_get(path, self._status)
            app.router.add_get(path + "/metadata", self._metadata)
            app.router.add_post(path + ":{verb}", self._predict)
        return app

    async def _predict(self, request: web.Request) -> web.Response:
        if (verb := request.match_info["verb"]) != "predict":
            raise RequestError(Fault.NOT_OFFERED, f"only :predict is offered, not :{verb[:40]}")
        version = self._model_of(request)

        def answer(body: bytes) -> tuple[bytes, Prediction]:
            asked = parse_request(body, self._predictor.limits)
            prediction = self._predictor.predict(asked.images, signature=asked.signature, version=version)
            return dump_outputs(prediction.outputs, asked.by_row), prediction

        return await self._answer(request, "rest", answer)

    async def _find(self, request: web.Request) -> web.Response:
        """What the page asks for: one image file as the body, each ship on its own in the answer."""

        def answer(image: bytes) -> tuple[bytes, Prediction]:
            prediction = self._predictor.predict([image], signature=MASK_SIGNATURE)
            return _found(prediction), prediction

        return await self._answer(request, "page", answer)

    async def _answer(
        self, request: web.Request, protocol: str, work: Callable[[bytes], tuple[bytes, Prediction]]
    ) -> web.Response:
        async with self._desk.admitted(protocol) as ticket:
            body = await self._received(request, ticket)
            text, prediction = await self._desk.run(ticket, lambda: work(body))
        headers = {
            VERSION_HEADER: str(prediction.version),
            "Server-Timing": f"model;dur={prediction.model_seconds * 1000:.1f}",
        }
        return web.Response(body=text, content_type=_JSON, headers=headers)

    async def _received(self, request: web.Request, ticket: Ticket) -> bytes:
        limits = self._predictor.limits
        too_large = RequestError(Fault.TOO_LARGE, f"the body is larger than {limits.body_mb} MiB")
        if (request.content_length or 0) > limits.body_bytes:
            raise too_large
        try:
            return await asyncio.wait_for(request.read(), ticket.seconds_left)
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except TimeoutError:
            raise RequestError(
                Fault.SLOW_CLIENT, f"the body did not arrive within {limits.timeout_s:g} s"
            ) from None
        except web.RequestPayloadError as error:
            # Else aiohttp reads on where nothing can be read, and logs a traceback after the answer.
            request.content.feed_eof()
            request.protocol.close()
            raise RequestError(Fault.INVALID, "the body cannot be read to its end") from error

    async def _status(self, request: web.Request) -> web.Response:
        version = self._model_of(request)
        statuses = self._predictor.versions.statuses()
        if version is not None:
            statuses = [status for status in statuses if status.version == version]
        if not statuses and (version is not None or self._predictor.versions.served is not None):
            raise RequestError(
                Fault.NOT_FOUND,
                f"Could not find version {version} of model {self._predictor.versions.name}",
            )
        listed = [
            {
                "version": str(status.version),
                "state": status.state,
                "status": {
                    "error_code": "UNKNOWN" if status.error else "OK",
                    "error_message": status.error,
                },
            }
            for status in statuses
        ]
        return _json({"model_version_status": listed})

    async def _metadata(self, request: web.Request) -> web.Response:
        with self._predictor.versions.lease(self._model_of(request)) as model:
            signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=model.signature_defs)
            spec = {
                "name": self._predictor.versions.name,
                "signature_name": "",
                "version": str(model.version),
            }
        told = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
        return _json({"model_spec": spec, "metadata": {"signature_def": told}})

    async def _page(self, request: web.Request) -> web.Response:
        text = render(self._predictor.versions.name, self._predictor.limits)
        return web.Response(
            text=text,
            content_type="text/html",
            headers={"Content-Security-Policy": SECURITY_POLICY, "Cache-Control": "no-cache"},
        )

    async def _sample(self, request: web.Request) -> web.Response:
        async with self._desk.admitted("page") as ticket:
            seed = request.query.get("seed", "0")
            if not (seed.isascii() and seed.isdigit() and len(seed) < 10):
                raise RequestError(Fault.INVALID, "seed must be a whole number below 10^9")
            image = await self._desk.run(ticket, lambda: sample.sea_with_ships(int(seed)))
        return web.Response(body=image, content_type="image/jpeg")

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, request: web.Request) -> web.Response:
        if (version := self._predictor.versions.served) is None:
            raise RequestError(
                Fault.NOT_READY, f"no version of {self._predictor.versions.name} is loaded yet"
            )
        return web.Response(text=f"version {version}\n")

    async def _metrics_text(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    def _model_of(self, request: web.Request) -> int | None:
        """The version in the address, None if none is; RequestError if the model is another."""
        version = request.match_info.get("version")
        if version is not None and not (version.isascii() and version.isdigit() and len(version) < 20):
            raise RequestError(Fault.INVALID, f"Malformed request: version {version[:40]!r} is no number")
        number = None if version is None else int(version)
        self._predictor.check_name(request.match_info["name"], number)
        return number


def _found(prediction: Prediction) -> bytes:
    """The answer to /find as JSON."""
    png = prediction.outputs["mask_png_bytes"][0]
    mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    ships = instances(mask)
    return orjson.dumps(
        {
            "version": prediction.version,
            "model_ms": round(prediction.model_seconds * 1000, 1),
            "height": mask.shape[0],
            "width": mask.shape[1],
            "ship_probability": float(prediction.outputs["ship_probability"][0]),
            "encoded_pixels": prediction.outputs["encoded_pixels"][0].decode(),
            "ships": [
                vars(ship) | {"geometry": geojson.geometry(geojson.polygons_px(ship, len(mask)))}
                for ship in ships
            ],
            "mask_png_bytes": b64encode(png).decode(),
        }
    )


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """TF Serving's form of an error for whatever goes wrong: {"error": "..."}."""
    try:
        return await handler(request)
    except RequestError as error:
        fault, told = error.fault, str(error)
    except web.HTTPMethodNotAllowed as error:
        fault, told = (
            Fault.WRONG_METHOD,
            f"{request.method} is not offered here, but {error.headers['Allow']}",
        )
    except web.HTTPException:
        fault, told = Fault.NOT_FOUND, f"Malformed request: {request.method} {request.path[:200]}"
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:
        LOGGER.exception("%s %s failed", request.method, request.path)
        fault, told = Fault.FAILED, "the server failed to answer; its log says why"
    headers = {"Retry-After": str(RETRY_AFTER_S)} if fault.worth_retrying else {}
    return _json({"error": told}, fault.http_status, headers)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(value, option=orjson.OPT_INDENT_2),
        status=status,
        content_type=_JSON,
        headers=headers,
    )
