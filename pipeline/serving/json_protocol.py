"""The JSON of TF Serving's REST predict API, for models that take image files.

https://www.tensorflow.org/tfx/serving/api_rest#predict_api: bytes travel as {"b64": "..."}; rows are
"instances" and come back as "predictions", columns are "inputs" and come back as "outputs". One output alone
loses its name. One difference: an output that is no UTF-8 text becomes {"b64": ...} whatever its name; TF
Serving does so for names that end in `_bytes` only.
"""

import binascii
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from pipeline.serving.faults import Fault, RequestError
from pipeline.serving.images import check_count
from pipeline.serving.model import IMAGE_INPUT, Outputs
from pipeline.serving.options import Limits

_KEYS = ("signature_name", "instances", "inputs")


@dataclass(frozen=True)
class PredictRequest:
    """A parsed body.

    Attributes:
        images: image files.
        signature: "" if none is named.
        by_row: whether to answer in rows.
    """

    images: list[bytes]
    signature: str
    by_row: bool


def parse_request(body: bytes, limits: Limits) -> PredictRequest:
    """Reads the body of a predict request.

    Args:
        body: as received.
        limits: more images are refused before they are unpacked.

    Raises:
        RequestError: no JSON, not of this form, or too many images; the message says what and where.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise _invalid("expected a JSON object with instances or inputs")
    if unknown := sorted(set(request) - set(_KEYS)):
        raise _invalid(f"unknown key {unknown[0][:80]!r}; expected {', '.join(_KEYS)}")
    if ("instances" in request) == ("inputs" in request):
        raise _invalid('expected exactly one of the keys "instances" and "inputs"')
    signature = request.get("signature_name", "")
    if not isinstance(signature, str):
        raise _invalid("signature_name must be a string")
    by_row = "instances" in request
    values = request["instances"] if by_row else _only_input(request["inputs"], "inputs")
    if not isinstance(values, list) or not values:
        raise _invalid(f"{'instances' if by_row else 'inputs'} must be a list with at least one image")
    check_count(len(values), limits)
    if by_row:
        values = [_only_input(value, f"image {index}") for index, value in enumerate(values)]
    return PredictRequest([_decoded(value, index) for index, value in enumerate(values)], signature, by_row)


def dump_outputs(outputs: Outputs, by_row: bool) -> bytes:
    """The body of the answer."""
    columns = {name: _plain(name, values) for name, values in outputs.items()}
    answer: dict[str, Any]
    if len(columns) == 1:
        answer = {"predictions" if by_row else "outputs": next(iter(columns.values()))}
    elif by_row:
        rows = zip(*columns.values(), strict=True)
        answer = {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}
    else:
        answer = {"outputs": columns}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _only_input(value: object, where: str) -> object:
    """What stands under the name of the input, which may be left out where there is but one."""
    if not isinstance(value, dict) or "b64" in value:
        return value
    if set(value) != {IMAGE_INPUT}:
        names = ", ".join(sorted(map(str, value)))[:80]
        raise _invalid(f"{where}: expected the one input {IMAGE_INPUT}, got {{{names}}}")
    return value[IMAGE_INPUT]


def _decoded(value: object, index: int) -> bytes:
    encoded = value.get("b64") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(encoded, str):
        raise _invalid(f'image {index}: expected {{"b64": "<the image file in Base64>"}}')
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise _invalid(f"image {index}: not Base64 ({error})") from error


def _plain(name: str, values: npt.NDArray[Any]) -> list[Any]:
    if values.dtype.kind != "O":
        # float32 by its own shortest digits, as TF Serving writes it, and not by those of a float64.
        listed: list[Any] = list(np.ascontiguousarray(values))
        return listed
    strings: list[bytes] = values.tolist()
    if not name.endswith("_bytes"):
        try:
            return [string.decode() for string in strings]
        except UnicodeDecodeError:
            pass
    return [{"b64": b64encode(string).decode()} for string in strings]


def _invalid(message: str) -> RequestError:
    return RequestError(Fault.INVALID, message)
