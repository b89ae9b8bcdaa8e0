"""KServe's model server: serves a SavedModel and is asked by KServe's own clients.

`python -m other_servers.by_kserve SAVED_MODEL IMAGES ANSWERS`. KServe's TensorFlow runtime is a container
with TensorFlow Serving; its SDK has the server that its own runtimes are made of, here with a predictor that
calls the SavedModel. Not asked by its REST v2, which takes BYTES tensors for UTF-8 and so no image files
(seen with 0.15.2). The SDK listens on all addresses of the machine, which it lets nobody change; it runs
for the time of the questions.
"""

import asyncio
import multiprocessing
import sys
import time
from base64 import b64decode, b64encode
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import httpx
import kserve
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig
from kserve.errors import InvalidInput
from kserve.protocol.infer_type import InferResponse

from other_servers.exchange import (
    INPUT,
    MODEL,
    OUTPUTS,
    Ask,
    Images,
    RefusedError,
    free_port,
    interview,
    save,
)

_START_S = 180.0
_ANSWER_S = 300.0
_TYPES = {"ship_probability": "FP32", "encoded_pixels": "BYTES", "ship_pixels": "INT64"}


def main(saved_model: Path, images: Path, answers: Path) -> None:
    """Serve in a process, ask, end it."""
    rest_port, grpc_port = free_port(), free_port()
    # A copy of this process would share its threads' locks.
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(saved_model, rest_port, grpc_port), daemon=True
    )
    process.start()
    try:
        _wait_until_ready(process, rest_port)
        server = f"KServe SDK {version('kserve')}"
        told = [
            interview(server, "REST (v1)", images, _by_rest(rest_port)),
            interview(server, "gRPC (v2)", images, _by_grpc(grpc_port)),
        ]
    finally:
        process.terminate()
        process.join()
    save(answers, told)


def _serve(saved_model: Path, rest_port: int, grpc_port: int) -> None:
    from other_servers.saved_model import DamagedImageError, SavedDetector

    class Predictor(kserve.Model):  # type: ignore[misc]
        """Both of KServe's protocols to the SavedModel."""

        def __init__(self) -> None:
            super().__init__(MODEL)
            self._detector = SavedDetector(saved_model)
            self.ready = True

        def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
            """Rows of v1, the body of TensorFlow Serving; or tensors of v2."""
            by_row = isinstance(payload, dict)
            if by_row:
                images = [b64decode(row["b64"]) for row in payload["instances"]]
            else:
                images = payload.inputs[0].as_numpy().tolist()
            try:
                outputs = self._detector(images)
            except DamagedImageError as error:
                raise InvalidInput(str(error)) from error
            if by_row:
                columns = [_plain(outputs[name]) for name in OUTPUTS]
                return {
                    "predictions": [
                        dict(zip(OUTPUTS, row, strict=True)) for row in zip(*columns, strict=True)
                    ]
                }
            tensors = []
            for name in OUTPUTS:
                tensor = InferOutput(name, [len(images)], _TYPES[name])
                tensor.set_data_from_numpy(outputs[name])
                tensors.append(tensor)
            return InferResponse(payload.id, MODEL, tensors)

    kserve.ModelServer(http_port=rest_port, grpc_port=grpc_port, workers=1).start([Predictor()])


def _plain(column: Any) -> list[Any]:
    return [value.decode("ascii") if isinstance(value, bytes) else value for value in column.tolist()]


def _wait_until_ready(process: Any, port: int) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if not process.is_alive():
            raise SystemExit(f"KServe's server ended with exit code {process.exitcode}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/v2/models/{MODEL}/ready", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"KServe's server was not ready after {_START_S:g} s")


def _by_rest(port: int) -> Ask:
    async def asked(body: dict[str, Any]) -> Any:
        async with InferenceRESTClient(RESTConfig(protocol="v1", timeout=_ANSWER_S)) as client:
            return await client.infer(f"http://127.0.0.1:{port}", body, model_name=MODEL)

    def ask(images: Images) -> dict[str, Any]:
        try:
            body = {"instances": [{"b64": b64encode(image).decode()} for image in images]}
            rows = asyncio.run(asked(body))["predictions"]
        except httpx.HTTPStatusError as error:
            raise RefusedError(f"{error.response.status_code}: {error.response.text}") from error
        columns = {name: [row[name] for row in rows] for name in OUTPUTS}
        return columns | {"encoded_pixels": [text.encode("ascii") for text in columns["encoded_pixels"]]}

    return ask


def _by_grpc(port: int) -> Ask:
    async def asked(request: InferRequest) -> Any:
        async with InferenceGRPCClient(f"127.0.0.1:{port}", timeout=_ANSWER_S) as client:
            return await client.infer(request)

    def ask(images: Images) -> dict[str, Any]:
        try:
            return _tensors(asyncio.run(asked(_request(images))))
        except grpc.RpcError as error:
            raise RefusedError(f"{error.code().name}: {error.details()}") from error

    return ask


def _request(images: Images) -> InferRequest:
    tensor = InferInput(INPUT, [len(images)], "BYTES")
    tensor.set_data_from_numpy(np.array(images, np.object_))
    return InferRequest(MODEL, [tensor])


def _tensors(answer: Any) -> dict[str, Any]:
    return {tensor.name: tensor.as_numpy() for tensor in answer.outputs}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
