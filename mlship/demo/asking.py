"""One request to a server on loopback, and what the demo needs to know of its answer."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mlship.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; the status is 0 where nothing did."""

    status: int = 0
    request: str = ""
    """The id that outcomes are reported by."""
    model: str = ""
    """Whose answer it is."""


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:  # fmt: skip
    """Send a request, and read the whole answer; a connection that broke is closed, and opened anew by the next one."""
    try:
        connection.request(method, path, body, dict(headers))
        with connection.getresponse() as answer:
            answer.read()
            said = answer.headers
            return Answer(
                status=answer.status,
                request=said.get("x-request-id", ""),
                model=said.get("x-mlship-variant", ""),
            )
    except (OSError, http.client.HTTPException):
        connection.close()
        return Answer()


def loopback(address: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:8080".

    Raises:
        UsageError: it is no address, or not one of this machine.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
        number = int(port)
    except ValueError as error:
        raise UsageError(f"{address!r} is not an address", hint='write it as "127.0.0.1:8080"') from error
    if not local:
        raise UsageError(
            f"{address} is not on this machine: the demo's traffic goes to loopback only",
            hint="for a load test of another machine, use a tool that is made for it",
        )
    return host, number
