"""Triton Inference Server from nvidia-pytriton: serves a SavedModel and is asked by its own client.

`python -m other_servers.by_triton SAVED_MODEL IMAGES ANSWERS`. The wheel's Triton has the Python backend
alone, so it is not Triton's TensorFlow backend that reads the file, but TensorFlow in a process behind
Triton's HTTP and gRPC, queue and tensors.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.exceptions import PyTritonRuntimeError
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException

from other_servers.exchange import INPUT, MODEL, OUTPUTS, Images, RefusedError, free_port, interview, save
from other_servers.saved_model import DamagedImageError, SavedDetector

_TYPES = {"ship_probability": np.float32, "encoded_pixels": bytes, "ship_pixels": np.int64}


def main(saved_model: Path, images: Path, answers: Path) -> None:
    """Serve, ask, end."""
    ports = [free_port() for _ in range(3)]
    config = TritonConfig(
        http_port=ports[0],
        grpc_port=ports[1],
        metrics_port=ports[2],
        http_address="127.0.0.1",
        grpc_address="127.0.0.1",
        exit_on_error=True,
    )
    detector = SavedDetector(saved_model)

    @batch
    def infer(image_bytes: Any) -> dict[str, Any]:
        try:
            return detector(image_bytes.tolist())
        except DamagedImageError as error:
            raise PyTritonRuntimeError(str(error)) from error

    with Triton(config=config) as triton:
        triton.bind(
            model_name=MODEL,
            infer_func=infer,
            inputs=[Tensor(name=INPUT, dtype=bytes, shape=(-1,))],
            outputs=[Tensor(name=name, dtype=_TYPES[name], shape=(-1,)) for name in OUTPUTS],
            # Tensors [N] as in the SavedModel. Were requests put together, a damaged image would spoil those
            # of others.
            config=ModelConfig(batching=False),
            strict=True,
        )
        triton.run()
        told = []
        for name, protocol, port in (("HTTP (v2)", http, ports[0]), ("gRPC (v2)", grpc, ports[1])):
            with protocol.InferenceServerClient(f"127.0.0.1:{port}", **_patience(protocol)) as client:
                version = client.get_server_metadata()
                number = version["version"] if protocol is http else version.version
                told.append(interview(f"Triton {number}", name, images, _asker(protocol, client)))
    save(answers, told)


def _patience(protocol: Any) -> dict[str, float]:
    # Of a first call, on a busy machine.
    return {"network_timeout": 300.0, "connection_timeout": 60.0} if protocol is http else {}


def _asker(protocol: Any, client: Any) -> Any:
    def ask(images: Images) -> dict[str, Any]:
        tensor = protocol.InferInput(INPUT, [len(images)], "BYTES")
        tensor.set_data_from_numpy(np.array(images, np.object_))
        try:
            answer = client.infer(MODEL, [tensor])
        except InferenceServerException as error:
            raise RefusedError(str(error)) from error
        return {name: answer.as_numpy(name) for name in OUTPUTS}

    return ask


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
