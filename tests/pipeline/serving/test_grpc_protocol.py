"""gRPC as TF Serving's own stubs speak it."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from brightness_networks import encoded, scene
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from components.masks import rle

SHIP = scene(96, 64, (20, 30, 12, 25))
IMAGE = encoded(SHIP)


@pytest.fixture(scope="module")
def channel(client):
    with grpc.insecure_channel(f"127.0.0.1:{client.server.grpc_port}") as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(*images: bytes, name: str = "ships", signature: str = "") -> predict_pb2.PredictRequest:
    made = predict_pb2.PredictRequest()
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    made.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(images), tf.string, [len(images)]))
    return made


def test_predict(stub):
    answer = stub.Predict(request(IMAGE, encoded(scene(50, 70)), signature="mask"), timeout=60)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("ships", 7)
    assert answer.model_spec.signature_name == "mask"
    outputs = {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}
    assert set(outputs) == {"ship_probability", "encoded_pixels", "ship_pixels", "mask_png_bytes"}
    assert outputs["encoded_pixels"].tolist() == [rle.encode(SHIP.mean(-1) > 130).encode(), b""]
    assert outputs["ship_pixels"].tolist() == [300, 0]
    assert outputs["ship_probability"].dtype == np.float32
    assert tf.io.decode_png(outputs["mask_png_bytes"][0]).shape == (96, 64, 1)


def test_output_filter(stub):
    asked = request(IMAGE)
    asked.output_filter.append("ship_pixels")
    assert list(stub.Predict(asked, timeout=60).outputs) == ["ship_pixels"]


def _no_model(asked):
    asked.model_spec.name = "boats"


def _no_version(asked):
    asked.model_spec.version.value = 8


def _label(asked):
    asked.model_spec.version_label = "stable"


def _no_signature(asked):
    asked.model_spec.signature_name = "evaluate"


def _other_input(asked):
    asked.inputs["examples"].CopyFrom(asked.inputs["image_bytes"])


def _numbers(asked):
    asked.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([1.0]))


def _one_value_for_a_thousand_million(asked):
    asked.inputs["image_bytes"].tensor_shape.dim[0].size = 10**9


def _nothing(asked):
    asked.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([], tf.string))


def _too_many(asked):
    asked.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([IMAGE] * 9))


def _torn(asked):
    asked.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([IMAGE, IMAGE[:-30]]))


def _unknown_output(asked):
    asked.output_filter.append("nothing")


def _too_large(asked):
    asked.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([bytes(3 << 20)]))


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (_no_model, "NOT_FOUND", "boats"),
        (_no_version, "NOT_FOUND", "Specific(ships, 8)"),
        (_label, "INVALID_ARGUMENT", "label"),
        (_no_signature, "INVALID_ARGUMENT", "serving_default"),
        (_other_input, "INVALID_ARGUMENT", "image_bytes"),
        (_numbers, "INVALID_ARGUMENT", "string tensor"),
        (_one_value_for_a_thousand_million, "INVALID_ARGUMENT", "string tensor"),
        (_nothing, "INVALID_ARGUMENT", "string tensor"),
        (_too_many, "INVALID_ARGUMENT", "at most 8"),
        (_torn, "INVALID_ARGUMENT", "image 1: cannot be decoded"),
        (_unknown_output, "INVALID_ARGUMENT", "nothing"),
        (_too_large, "RESOURCE_EXHAUSTED", "larger"),
    ],
)
def test_what_cannot_be_answered_has_its_code(stub, fault, code, told):
    asked = request(IMAGE)
    fault(asked)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(asked, timeout=60)
    assert caught.value.code().name == code
    assert told in caught.value.details()
    assert stub.Predict(request(IMAGE), timeout=60).outputs


def test_metadata(stub):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "ships"
    answer = stub.GetModelMetadata(asked, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "mask"}
    assert answer.model_spec.version.value == 7
    asked.metadata_field.append("graph")
    with pytest.raises(grpc.RpcError, match="signature_def"):
        stub.GetModelMetadata(asked, timeout=60)


def test_status(models):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "ships"
    (status,) = models.GetModelStatus(asked, timeout=60).model_version_status
    assert (status.version, status.state) == (7, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    asked.model_spec.version.value = 8
    with pytest.raises(grpc.RpcError) as caught:
        models.GetModelStatus(asked, timeout=60)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_what_is_not_offered_says_so(stub, models):
    for call, asked in (
        (stub.Classify, classification_pb2.ClassificationRequest()),
        (models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(asked, timeout=60)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
