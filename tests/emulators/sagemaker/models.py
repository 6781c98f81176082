"""The models behind the variants: real HTTP servers on this machine.

A container names its server by the environment variable MLSHIP_EMULATED_URL, or by an image
`emulated/http:HOST:PORT`. A URL without a path is asked at `/invocations`, as SageMaker's containers are. An answer's
header `x-emulated-latency`, microseconds, is published in place of the time that it took.
"""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import msgspec

from tests.emulators.sagemaker.fleet import Fleet, Variant

IMAGE = "emulated/http:"
PATIENCE = 60.0
"""Seconds in which a model must answer."""
SINGLE = {"content-type", "accept", "x-amzn-sagemaker-custom-attributes"}
"""Headers of the caller that a container gets to see."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered, and in how many microseconds; status 0 is no answer."""

    status: int
    content_type: str
    body: bytes
    latency: float
    attributes: str | None = None


def address(variant: Variant) -> str | None:
    """The URL of a variant's model; None names none."""
    container = variant.container()
    url = container.get("Environment", {}).get("MLSHIP_EMULATED_URL")
    image = str(container.get("Image", ""))
    return url or (f"http://{image.removeprefix(IMAGE)}" if image.startswith(IMAGE) else None)


def ask(variant: Variant, body: bytes, headers: dict[str, str]) -> Reply:
    """Ask the model; one that cannot be reached is status 0."""
    began = time.perf_counter()
    url = urlsplit(address(variant) or "")
    if url.hostname is None:
        return Reply(status=0, content_type="text/plain", body=b"the container names no local model", latency=0.0)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE)
    passed = {key: value for key, value in headers.items() if key in SINGLE}
    try:
        connection.request("POST", url.path or "/invocations", body, passed)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Reply(status=0, content_type="text/plain", body=repr(error).encode(), latency=_since(began))
    finally:
        connection.close()
    told = response.headers.get("x-emulated-latency")
    return Reply(
        status=response.status,
        content_type=response.headers.get("content-type", "application/octet-stream"),
        body=content,
        latency=float(told) if told else _since(began),
        attributes=response.headers.get("x-amzn-sagemaker-custom-attributes"),
    )


def unhealthy(fleet: Fleet, health_path: str | None) -> str | None:
    """The first variant whose model does not pass its health check. One that names no local model passes."""
    for variant in (*fleet.variants, *fleet.shadows):
        url = address(variant)
        if url is not None and not _healthy(url, health_path):
            return variant.name
    return None


def _healthy(url: str, health_path: str | None) -> bool:
    place = urlsplit(url)
    try:
        if health_path is None:
            socket.create_connection((place.hostname or "", place.port or 80), timeout=2.0).close()
            return True
        with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=2.0)) as connection:
            connection.request("GET", health_path)
            with connection.getresponse() as response:
                return response.status == 200
    except (OSError, http.client.HTTPException):
        return False


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1e6
