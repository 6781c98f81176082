"""The JSON bodies of the Open Inference Protocol v2: one input tensor; digits, and where known probabilities.

Source: https://github.com/kserve/open-inference-protocol, "REST" part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INPUT = "pixels"
OUTPUT = "digit"
PROBABILITY = "probability"
KINDS = {"FP64": "iuf", "FP32": "iuf", "INT64": "iu"}
"""Tensor datatype → the numpy kinds that its JSON numbers may have."""
DECIMALS = 6
"""Of a probability."""


class BadRequest(Exception):
    """The body is not an inference request for this model; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """What to predict: rows of shape (n, features), and the caller's own id for the request, if any."""

    rows: NDArray[np.float64]
    id: str | None = None


def parse(body: bytes, features: int) -> InferRequest:
    """Read the body of an inference request.

    Raises:
        BadRequest: it is not JSON, not a request, or its tensor does not fit the model.
    """
    request = _json(body)
    tensors = request.get("inputs")
    if not isinstance(tensors, list) or len(tensors) != 1 or not isinstance(tensors[0], dict):
        raise BadRequest(f"inputs: expected a list with one tensor, {INPUT!r}")
    identity = request.get("id")
    if identity is not None and not isinstance(identity, str):
        raise BadRequest("id: expected a string")
    return InferRequest(rows=_rows(tensors[0], features), id=identity)


def response(outputs: Sequence[Mapping[str, Any]], *, model: str, version: str, identity: str | None) -> dict[str, Any]:
    """The body of the answer, of these tensors."""
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": list(outputs)}
    return answer if identity is None else answer | {"id": identity}


def digits(found: Iterable[int]) -> dict[str, Any]:
    """The tensor of one digit for each row."""
    data = [int(digit) for digit in found]
    return {"name": OUTPUT, "shape": [len(data)], "datatype": "INT64", "data": data}


def probabilities(rows: NDArray[np.float64]) -> dict[str, Any]:
    """The tensor of what each of the classes has for each row; `rows` has the shape (n, classes)."""
    data = [round(float(value), DECIMALS) for value in rows.ravel()]
    return {"name": PROBABILITY, "shape": list(rows.shape), "datatype": "FP64", "data": data}


def metadata(*, model: str, version: str, features: int, classes: int = 0) -> dict[str, Any]:
    """What the model takes and gives; -1 stands for any number of rows. With 0 `classes` it tells no probabilities."""
    outputs = [{"name": OUTPUT, "datatype": "INT64", "shape": [-1]}]
    if classes:
        outputs.append({"name": PROBABILITY, "datatype": "FP64", "shape": [-1, classes]})
    return {
        "name": model,
        "versions": [version],
        "platform": "sklearn",
        "inputs": [{"name": INPUT, "datatype": "FP64", "shape": [-1, features]}],
        "outputs": outputs,
    }


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(request, dict):
        raise BadRequest("the body is not a JSON object")
    return request


def _no_constant(word: str) -> NoReturn:
    raise BadRequest(f"{word} is not JSON")


def _rows(tensor: Mapping[str, Any], features: int) -> NDArray[np.float64]:
    if tensor.get("name") != INPUT:
        raise BadRequest(f"inputs[0].name: expected {INPUT!r}")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in KINDS:
        raise BadRequest(f"inputs[0].datatype: expected one of {', '.join(KINDS)}")
    shape = _shape(tensor.get("shape"), features)
    return _numbers(tensor.get("data"), KINDS[datatype], shape)


def _shape(shape: object, features: int) -> tuple[int, int]:
    match shape:
        case [int(rows), int(columns)] if rows > 0 and columns == features and not isinstance(rows, bool):
            return rows, columns
        case _:
            raise BadRequest(f"inputs[0].shape: expected [rows, {features}]")


def _numbers(data: object, kinds: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    import numpy as np

    try:
        numbers = np.asarray(data)
    except ValueError as error:
        raise BadRequest("inputs[0].data: rows differ in length") from error
    if numbers.dtype.kind not in kinds:
        raise BadRequest("inputs[0].data: expected numbers that fit the datatype")
    if numbers.shape not in {shape, (shape[0] * shape[1],)}:
        raise BadRequest(f"inputs[0].data: expected {shape[0] * shape[1]} numbers")
    rows = numbers.reshape(shape).astype(np.float64)
    if not np.isfinite(rows).all():
        raise BadRequest("inputs[0].data: a number is too large")
    return rows
