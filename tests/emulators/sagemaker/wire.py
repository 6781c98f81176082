"""AWS's four protocols, as far as they come here: JSON 1.0 and 1.1, RPC v2 with CBOR, and Query with XML.

Which of them botocore speaks to CloudWatch depends on its version, so all that CloudWatch has are understood.
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

from tests.emulators.sagemaker import shapes
from tests.emulators.sagemaker.errors import Answer, ApiError

TARGETS = {
    "SageMaker": "sagemaker",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AnyScaleFrontendService": "application-autoscaling",
    "ServiceQuotasV20190624": "service-quotas",
}
VERSIONS = {"2010-08-01": "cloudwatch", "2011-06-15": "sts", "2010-05-08": "iam"}
SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
CBOR_PATH = re.compile(r"/service/(?P<target>\w+)/operation/(?P<operation>\w+)$")
INVOKE_PATH = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations$")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What came over HTTP; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def scope(self) -> re.Match[str] | None:
        """The credential's scope: `key`, `region`, `service`."""
        return SCOPE.search(self.headers.get("authorization", ""))


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an operation, its parameters still unchecked."""

    service: str
    operation: str
    protocol: str
    """`json`, `cbor` or `query`."""
    parameters: dict[str, Any]


def read(request: Request) -> Call | None:
    """The call that a request makes, or None: then it is not one of the services above."""
    if found := CBOR_PATH.match(request.path):
        return Call(
            service=TARGETS[found["target"]],
            operation=found["operation"],
            protocol="cbor",
            parameters=_from_cbor(request.body),
        )
    target, _, operation = request.headers.get("x-amz-target", "").partition(".")
    if target in TARGETS:
        parameters = json.loads(request.body or b"{}")
        return Call(service=TARGETS[target], operation=operation, protocol="json", parameters=parameters)
    if "x-www-form-urlencoded" in request.headers.get("content-type", "") and b"Action=" in request.body:
        return _from_form(request.body.decode())
    if (scope := request.scope()) is not None and scope["service"] != "s3":
        raise ApiError(
            "NotEmulated", f"{request.method} {request.path} of {scope['service']} is not emulated", status=501
        )
    return None


def answer(call: Call, value: dict[str, Any]) -> Answer:
    """A result in the protocol of its call.

    Raises:
        AssertionError: the emulator itself does not keep to the shape.
    """
    model = shapes.operation(call.service, call.operation)
    shape = model.output_shape
    if shape is None:
        return _query(call.operation, "") if call.protocol == "query" else _raw(call.protocol, {}, None)
    amiss = shapes.amiss(shape, value)
    assert not amiss, amiss
    if call.protocol == "query":
        return _query(call.operation, _xml(shape, value))
    return _raw(call.protocol, value, shape)


def failure(protocol: str, error: ApiError) -> Answer:
    """An error in the protocol of its call; `rest` is the runtime's, `s3` is S3's."""
    headers = {"x-amzn-errortype": error.code}
    if protocol == "s3":
        body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>".encode()
        return Answer(status=error.status, headers={"content-type": "application/xml"}, body=body)
    if protocol == "query":
        kind = "Sender" if error.status < 500 else "Receiver"
        text = f"<Type>{kind}</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        body = f"<ErrorResponse><Error>{text}</Error><RequestId>emulated</RequestId></ErrorResponse>".encode()
        return Answer(status=error.status, headers={"content-type": "text/xml"}, body=body)
    value = {"__type": error.code, "message": error.message, **error.more}
    if protocol == "rest":
        value = {"Message": error.message, **error.more}
    if protocol == "cbor":
        body = _flat_cbor({key: str(item) for key, item in value.items()})
        headers |= {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Answer(status=error.status, headers=headers, body=body)
    headers["content-type"] = "application/json" if protocol == "rest" else "application/x-amz-json-1.1"
    return Answer(status=error.status, headers=headers, body=json.dumps(value).encode())


def _raw(protocol: str, value: dict[str, Any], shape: Any) -> Answer:
    if protocol == "json":
        headers = {"content-type": "application/x-amz-json-1.1"}
        return Answer(status=200, headers=headers, body=json.dumps(value).encode())
    from botocore.serialize import RpcV2CBORSerializer

    body = bytearray()
    if shape is not None:
        RpcV2CBORSerializer()._serialize_data_item(body, value, shape)
    headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return Answer(status=200, headers=headers, body=bytes(body))


def _from_cbor(body: bytes) -> dict[str, Any]:
    from botocore.parsers import RpcV2CBORParser

    found = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
    assert isinstance(found, dict)
    return found


def _flat_cbor(texts: dict[str, str]) -> bytes:
    """A map of texts (RFC 8949): errors have no shape that botocore's serializer would take."""
    parts = [bytes([0xA0 + len(texts)])]
    for text in (part for pair in texts.items() for part in pair):
        encoded = text.encode()
        parts += [b"\x79", len(encoded).to_bytes(2, "big"), encoded]
    return b"".join(parts)


def _from_form(body: str) -> Call:
    fields = {key: values[0] for key, values in parse_qs(body, keep_blank_values=True).items()}
    action, version = fields.pop("Action"), fields.pop("Version", "")
    of = VERSIONS.get(version)
    if of is None:
        raise ApiError("InvalidAction", f"no service of version {version!r} is emulated")
    shape = shapes.operation(of, action).input_shape
    parameters = {} if shape is None else _structure(shape, fields, "")
    return Call(service=of, operation=action, protocol="query", parameters=parameters)


def _structure(shape: Any, fields: dict[str, str], prefix: str) -> dict[str, Any]:
    found = {}
    for key, member in shape.members.items():
        name = prefix + str(member.serialization.get("name", key))
        value = _from_fields(member, fields, name)
        if value is not None:
            found[key] = value
    return found


def _from_fields(shape: Any, fields: dict[str, str], name: str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, fields, f"{name}.") or None
        case "list":
            infix = "" if shape.serialization.get("flattened") else ".member"
            found: list[Any] = []
            while (item := _from_fields(shape.member, fields, f"{name}{infix}.{len(found) + 1}")) is not None:
                found.append(item)
            return found or None
        case kind:
            return None if name not in fields else _scalar(kind, fields[name])


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return text == "true"
        case "timestamp":
            return datetime.fromisoformat(text).timestamp()
        case _:
            return text


def _query(operation: str, result: str) -> Answer:
    body = (
        f"<{operation}Response><{operation}Result>{result}</{operation}Result>"
        f"<ResponseMetadata><RequestId>emulated</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Answer(status=200, headers={"content-type": "text/xml"}, body=body.encode())


def _xml(shape: Any, value: Any) -> str:
    match shape.type_name:
        case "structure":
            parts = []
            for key, item in value.items():
                member = shape.members[key]
                name = member.serialization.get("name", key)
                parts.append(f"<{name}>{_xml(member, item)}</{name}>")
            return "".join(parts)
        case "list":
            return "".join(f"<member>{_xml(shape.member, item)}</member>" for item in value)
        case "timestamp":
            return datetime.fromtimestamp(value, UTC).isoformat()
        case "boolean":
            return str(value).lower()
        case _:
            return escape(str(value))
