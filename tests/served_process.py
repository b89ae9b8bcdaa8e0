"""`ships serve` in a process of its own, with a model that is there or made for the purpose."""

import http.client
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.infra_validator.server import free_port, serving

NAME = "ships"
PATH = f"/v1/models/{NAME}:predict"
# Of a busy machine.
_START_S = 900.0
_ANSWER_S = 120.0


@dataclass(frozen=True)
class Ports:
    """Where the server listens on the loopback."""

    rest: int
    grpc: int


@contextmanager
def ships_serve(models: Path, scratch: Path) -> Iterator[Ports]:
    """A server of the newest model in a folder, which ends with the block; its log goes into `scratch`."""
    grpc_port = free_port()
    command = ["{python}", "-m", "pipeline.cli", "serve", "--models={models}", "--rest-port={port}"]
    with serving([*command, f"--grpc-port={grpc_port}"], models, NAME, scratch / "server.log") as server:
        server.wait_until_ready(_START_S)
        yield Ports(server.port, grpc_port)


def newest(models: Path) -> Path:
    """Folder of the newest version."""
    return max((models / NAME).iterdir(), key=lambda folder: int(folder.name))


def body(images: Sequence[bytes]) -> bytes:
    """A request of REST."""
    return json.dumps({"instances": [{"b64": b64encode(image).decode()} for image in images]}).encode()


class RestClient:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)

    def post(self, content: bytes) -> tuple[int, Any]:
        """Status and JSON of the answer; OSError, ValueError or HTTPException if there is none."""
        self._connection.request("POST", PATH, content)
        answer = self._connection.getresponse()
        return answer.status, json.load(answer)


class GrpcClient:
    """A channel with TF Serving's stub."""

    def __init__(self, port: int) -> None:
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
            grpc.insecure_channel(f"127.0.0.1:{port}")
        )

    def predict(self, images: Sequence[bytes]) -> dict[str, Any]:
        """Outputs by name, arrays [N]; grpc.RpcError if refused."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = NAME
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(images)))
        answer = self._stub.Predict(request, timeout=_ANSWER_S)
        return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}


def export_tiny(folder: Path) -> Path:
    """A folder of models with the tiny detector of the tests, for which bright is ship."""
    from served_models import export_bright_detector

    (folder / "statistics").mkdir()
    export_bright_detector(folder / "models" / NAME / "1", folder / "statistics")
    return folder / "models"


def export_untrained(folder: Path) -> Path:
    """The same with the detector of the default settings, untrained; its classifier lets all images through.

    It takes as long as a trained one.
    """
    from components.ship_detector.detector import ShipDetector
    from components.ship_detector.export import export
    from components.ship_detector.thresholds import Thresholds
    from components.training.networks.registry import CLASSIFIERS, SEGMENTERS
    from pipeline.settings import Settings

    settings = Settings()
    detector = ShipDetector(
        CLASSIFIERS[settings.classifier.architecture](settings.classifier),
        SEGMENTERS[settings.segmenter.architecture](settings.segmenter),
        settings.contrast,
        settings.detector,
    )
    detector.set_thresholds(
        Thresholds(0.999, ship_threshold=0.0, min_ship_pixels=0, classifier_threshold=0.0)
    )
    (folder / "statistics").mkdir()
    export(detector, {"thresholds": {}}, str(folder / "statistics"), str(folder / "models" / NAME / "1"))
    return folder / "models"
