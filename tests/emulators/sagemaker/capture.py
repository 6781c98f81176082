"""Data capture: what was asked and answered, as lines in S3, late.

Documented: the layout of the path and of a line, base64 where no content type is named, the hour of the invocation in
UTC. Our reading: the file's name, `BASE64` as the literal, `inferenceId` in `eventMetadata`, that shadow variants
have a folder of their own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

Put = Callable[[str, str, bytes], None]
"""Bucket, key, content."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its answer, each with its content type."""

    endpoint: str
    variant: str
    time: float
    event: UUID
    inference_id: str | None
    asked: tuple[str, bytes]
    answered: tuple[str, bytes]


class Captures:
    """Lines until they are due, then files."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._waiting: list[tuple[float, str, str]] = []
        """When it is due, the folder, the line."""
        self._files = 0

    def take(self, config: dict[str, Any], exchange: Exchange, delay: float) -> None:
        """Keep what the DataCaptureConfig wants kept; the sampling is the caller's."""
        hour = datetime.fromtimestamp(exchange.time, UTC).strftime("%Y/%m/%d/%H")
        folder = f"{config['DestinationS3Uri']}/{exchange.endpoint}/{exchange.variant}/{hour}"
        self._waiting.append((exchange.time + delay, folder, json.dumps(line(config, exchange))))

    def clear(self) -> None:
        """Forget what is not written."""
        self._waiting.clear()

    def settle(self, now: float) -> None:
        """Write what is due: a file per folder."""
        due = [item for item in self._waiting if item[0] <= now]
        if not due:
            return
        self._waiting = [item for item in self._waiting if item[0] > now]
        folders: dict[str, list[str]] = {}
        for _, folder, text in due:
            folders.setdefault(folder, []).append(text)
        for folder, lines in folders.items():
            self._files += 1
            place = urlsplit(f"{folder}/{datetime.fromtimestamp(now, UTC):%M-%S}-{self._files:06d}.jsonl")
            self._put(place.netloc, place.path.removeprefix("/"), "".join(f"{text}\n" for text in lines).encode())


def line(config: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """A line of the file."""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    types = config.get("CaptureContentTypeHeader", {})
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side("INPUT", exchange.asked, types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side("OUTPUT", exchange.answered, types)
    time = datetime.fromtimestamp(exchange.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"eventId": str(exchange.event), "inferenceTime": time}
    if exchange.inference_id is not None:
        metadata["inferenceId"] = exchange.inference_id
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _side(mode: str, content: tuple[str, bytes], types: dict[str, list[str]]) -> dict[str, str]:
    content_type, body = content
    kind = content_type.split(";")[0].strip().lower()
    encoding = "BASE64"
    for key, name in (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON")):
        if kind in types.get(key, []):
            encoding = name
    data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}
