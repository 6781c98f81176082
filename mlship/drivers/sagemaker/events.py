"""A line of SageMaker's data capture as the line that a router of ours writes of an answer."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant was, from a moment on."""

    model: str
    shadow: bool = False


Roles = tuple[tuple[float, Mapping[str, Role]], ...]
"""Since when (seconds since the epoch) which variants were what, oldest first."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A request or an answer, as it was captured."""

    data: str = ""
    encoding: str = "BASE64"
    kind: str = msgspec.field(default="", name="observedContentType")


class Sides(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Both; None: it was not to be captured."""

    endpoint_input: Side | None = None
    endpoint_output: Side | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which request it was."""

    inference_time: datetime
    event_id: str = ""
    inference_id: str = ""


class Captured(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of data capture."""

    capture_data: Sides
    event_metadata: Event


def told(line: bytes, variant: str, roles: Roles, *, bodies: bool) -> bytes | None:
    """The line as a router writes it; None: the variant was nothing of ours then. One that is none stays as it is."""
    try:
        said = msgspec.json.decode(line, type=Captured)
        at = said.event_metadata.inference_time.timestamp()
        role = _role(variant, at, roles)
        return None if role is None else msgspec.json.encode(_line(said, role, at, bodies=bodies))
    except (msgspec.MsgspecError, ValueError):
        return line


def _role(variant: str, at: float, roles: Roles) -> Role | None:
    # A request from before the first look was answered by what was there at that look.
    known = [each for since, each in roles if since <= at] or [roles[0][1]]
    return known[-1].get(variant)


def _line(said: Captured, role: Role, at: float, *, bodies: bool) -> dict[str, Any]:
    event, sides = said.event_metadata, said.capture_data
    answer, asked = sides.endpoint_output, sides.endpoint_input
    body = _body(answer)
    return {
        "id": event.inference_id or event.event_id,
        "at": at,
        "role": "shadow" if role.shadow else "live",
        "model": role.model,
        # Nothing of a line says whether the model failed: its answer cannot be read then.
        "status": 200,
        "response": b64encode(body).decode(),
        "response_bytes": len(body),
        "type": _kind(answer),
        **({"request": b64encode(_body(asked)).decode(), "request_type": _kind(asked)} if bodies and asked else {}),
    }


def _body(side: Side | None) -> bytes:
    if side is None:
        return b""
    return b64decode(side.data, validate=True) if side.encoding == "BASE64" else side.data.encode()


def _kind(side: Side | None) -> str:
    if side is None:
        return ""
    return side.kind or {"CSV": "text/csv", "JSON": "application/json"}.get(side.encoding, "")
