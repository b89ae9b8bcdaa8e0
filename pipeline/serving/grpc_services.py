"""TF Serving's gRPC services on its own stubs: PredictionService and ModelService."""

from typing import Any, NoReturn

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipeline.serving.desk import Desk
from pipeline.serving.faults import RETRY_AFTER_S, Fault, RequestError
from pipeline.serving.images import check_count
from pipeline.serving.model import IMAGE_INPUT
from pipeline.serving.options import Limits
from pipeline.serving.predictor import Prediction, Predictor

_UNKNOWN_ERROR = 2  # tensorflow.error.UNKNOWN


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference take tf.Examples: not offered."""

    def __init__(self, predictor: Predictor, desk: Desk) -> None:
        self._predictor = predictor
        self._desk = desk

    async def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Answer a batch of image files."""

        def answer() -> predict_pb2.PredictResponse:
            version = _version(self._predictor, request.model_spec)
            images = _images(request, self._predictor.limits)
            prediction = self._predictor.predict(
                images, signature=request.model_spec.signature_name, version=version
            )
            return self._response(prediction, request)

        try:
            async with self._desk.admitted("grpc") as ticket:
                return await self._desk.run(ticket, answer)
        except RequestError as error:
            await _abort(context, error)

    async def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The served signatures."""
        try:
            if list(request.metadata_field) != ["signature_def"]:
                raise RequestError(
                    Fault.INVALID, 'metadata_field must be ["signature_def"], nothing else is known'
                )
            version = _version(self._predictor, request.model_spec)
            with self._predictor.versions.lease(version) as model:
                response = get_model_metadata_pb2.GetModelMetadataResponse()
                response.model_spec.name = self._predictor.versions.name
                response.model_spec.version.value = model.version
                response.metadata["signature_def"].Pack(
                    get_model_metadata_pb2.SignatureDefMap(signature_def=model.signature_defs)
                )
                return response
        except RequestError as error:
            await _abort(context, error)

    async def Classify(self, request: Any, context: grpc.aio.ServicerContext) -> NoReturn:  # noqa: N802
        """Not offered."""
        await _abort(context, _only_predict())

    async def Regress(self, request: Any, context: grpc.aio.ServicerContext) -> NoReturn:  # noqa: N802
        """Not offered."""
        await _abort(context, _only_predict())

    async def MultiInference(self, request: Any, context: grpc.aio.ServicerContext) -> NoReturn:  # noqa: N802
        """Not offered."""
        await _abort(context, _only_predict())

    def _response(
        self, prediction: Prediction, request: predict_pb2.PredictRequest
    ) -> predict_pb2.PredictResponse:
        wanted = list(request.output_filter) or list(prediction.outputs)
        if unknown := set(wanted) - set(prediction.outputs):
            raise RequestError(Fault.INVALID, f"output_filter names unknown outputs: {sorted(unknown)}")
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self._predictor.versions.name
        response.model_spec.version.value = prediction.version
        response.model_spec.signature_name = prediction.signature
        for name in wanted:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(prediction.outputs[name]))
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus. What is served follows the folder, so there is no configuration to reload."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    async def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """States of all versions, or of the one that is asked for."""
        try:
            version = _version(self._predictor, request.model_spec)
            statuses = [
                status
                for status in self._predictor.versions.statuses()
                if version is None or status.version == version
            ]
            if version is not None and not statuses:
                raise RequestError(Fault.NOT_FOUND, f"version {version} was never loaded")
        except RequestError as error:
            await _abort(context, error)
        response = get_model_status_pb2.GetModelStatusResponse()
        for status in statuses:
            told = response.model_version_status.add()
            told.version = status.version
            told.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
            if status.error:
                told.status.error_code = _UNKNOWN_ERROR
                told.status.error_message = status.error
        return response

    async def HandleReloadConfigRequest(  # noqa: N802
        self, request: Any, context: grpc.aio.ServicerContext
    ) -> NoReturn:
        """Not offered."""
        told = "what is served follows the folder of versions; there is no configuration to reload"
        await _abort(context, RequestError(Fault.NOT_OFFERED, told))


def make_server(predictor: Predictor, desk: Desk) -> grpc.aio.Server:
    """A server with both services, bound to no port yet. Messages above the limit are refused by gRPC."""
    limits = predictor.limits
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes),
            ("grpc.max_send_message_length", -1),
            # Two servers on one port would each get some of the requests.
            ("grpc.so_reuseport", 0),
        ],
        # Messages are received before anything here can refuse them, so their number is bounded as well.
        maximum_concurrent_rpcs=2 * limits.concurrency,
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(predictor, desk), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(predictor), server)
    return server


def _version(predictor: Predictor, spec: model_pb2.ModelSpec) -> int | None:
    if spec.version_label:
        raise RequestError(Fault.INVALID, "version labels are not known; give a version number or none")
    version = spec.version.value if spec.HasField("version") else None
    predictor.check_name(spec.name, version)
    return version


def _images(request: predict_pb2.PredictRequest, limits: Limits) -> list[bytes]:
    if set(request.inputs) != {IMAGE_INPUT}:
        names = ", ".join(sorted(request.inputs))[:80]
        raise RequestError(Fault.INVALID, f"expected the one input {IMAGE_INPUT}, got {{{names}}}")
    tensor = request.inputs[IMAGE_INPUT]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    # Not tf.make_ndarray: a shape of a thousand million and one value would be filled up with it.
    if tensor.dtype != tf.string.as_datatype_enum or shape != [len(tensor.string_val)] or not shape[0]:
        raise RequestError(
            Fault.INVALID,
            f"{IMAGE_INPUT} must be a string tensor of shape [N], N >= 1, with N values; "
            f"got dtype {tensor.dtype}, shape {shape[:8]} and {len(tensor.string_val)} string values",
        )
    check_count(shape[0], limits)
    return list(tensor.string_val)


def _only_predict() -> RequestError:
    return RequestError(Fault.NOT_OFFERED, "only Predict is offered: the model takes image files")


async def _abort(context: grpc.aio.ServicerContext, error: RequestError) -> NoReturn:
    trailers = (("retry-after", str(RETRY_AFTER_S)),) if error.fault.worth_retrying else ()
    await context.abort(getattr(grpc.StatusCode, error.fault.grpc_code), str(error), trailers)
    raise AssertionError("abort raises")
