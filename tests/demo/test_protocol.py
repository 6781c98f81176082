from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlship.demo import protocol
from mlship.demo.protocol import BadRequest


def tensor(**changes: object) -> dict[str, Any]:
    return {"name": "pixels", "shape": [2, 3], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]} | changes


def body(**changes: object) -> bytes:
    return json.dumps({"inputs": [tensor(**changes)]}).encode()


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64"])
@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_reads_flat_and_nested_tensors_of_every_number_type(datatype: str, data: list[Any]) -> None:
    """A tensor may be flat or nested, of floats or of integers."""
    request = protocol.parse(body(datatype=datatype, data=data), 3)

    assert request.rows.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"inputs": NaN}', "NaN is not JSON"),
        (b"{}", "inputs: expected"),
        (b'{"inputs": [1]}', "inputs: expected"),
        (json.dumps({"id": 7, "inputs": [tensor()]}).encode(), "id: expected a string"),
        (body(name="image"), "name: expected"),
        (body(datatype="BYTES"), "datatype: expected"),
        (body(datatype=["FP64"]), "datatype: expected"),
        (body(shape=[2, 4]), "shape: expected"),
        (body(shape=[0, 3]), "shape: expected"),
        (body(shape=[True, 3]), "shape: expected"),
        (body(shape="23"), "shape: expected"),
        (body(data=None), "expected numbers"),
        (body(data=["1"] * 6), "expected numbers"),
        (body(data=[True] * 6), "expected numbers"),
        (body(datatype="INT64", data=[0.5] * 6), "expected numbers"),
        (body(data=[1, 2, 3]), "expected 6 numbers"),
        (body(data=[[1, 2], [3, 4], [5, 6]]), "expected 6 numbers"),
        (body(data=[[1, 2, 3], [4]]), "rows differ"),
        (body(data=[1, 2, 3, 4, 5, 10**400]), "expected numbers"),
        (b'{"inputs": [{"name": "pixels", "shape": [1, 1], "datatype": "FP64", "data": [1e999]}]}', "shape: expected"),
    ],
)
def test_refuses_what_is_no_request_for_this_model(wrong: bytes, reason: str) -> None:
    """Each fault of a body is refused with its own reason."""
    with pytest.raises(BadRequest, match=reason):
        protocol.parse(wrong, 3)


def test_refuses_numbers_beyond_a_float() -> None:
    """A number that JSON can write and a float cannot hold is refused, not predicted as infinity."""
    with pytest.raises(BadRequest, match="too large"):
        protocol.parse(body(shape=[1, 3], data=[1, 2, 3]).replace(b"[1, 2, 3]", b"[1, 2, 1e999]"), 3)


def test_answer_carries_the_callers_id() -> None:
    """A request's id comes back with its answer, and no id is invented."""
    outputs = [protocol.digits([7])]

    answer = protocol.response(outputs, model="digits", version="v1", identity="a")

    assert answer["id"] == "a"
    assert answer["outputs"] == [{"name": "digit", "shape": [1], "datatype": "INT64", "data": [7]}]
    assert "id" not in protocol.response(outputs, model="digits", version="v1", identity=None)


def test_probabilities_are_a_tensor_of_their_own_in_the_order_of_the_rows() -> None:
    """One row of the table after the other, flat, as the shape says."""
    tensor = protocol.probabilities(np.array([[0.25, 0.75], [1.0, 0.0], [2 / 3, 1 / 3]]))

    assert tensor["shape"] == [3, 2]
    assert tensor["data"] == [0.25, 0.75, 1.0, 0.0, 0.666667, 0.333333]
