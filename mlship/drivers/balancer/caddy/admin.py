"""Caddy's admin API: JSON over HTTP. A status of 200 says that it runs what it was given, and not what that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.drivers.balancer.endpoint import LOST, Endpoint, Reply

DENIED = 'let mlship\'s user use the socket: `"listen": "unix//run/caddy/admin.sock|0660"` and its group'

LOOKS = 5
"""Times that it is asked for the same: with each change of the configuration Caddy begins the interface anew."""


class AdminApi(msgspec.Struct, frozen=True, kw_only=True):
    """One admin endpoint: a path, or an address and a port."""

    address: str

    def get(self, path: str) -> Reply:
        """What is there; asked again where the connection is closed under way, as a change of somebody's does.

        Raises:
            OutOfReach: nobody answers.
        """
        for _ in range(LOOKS - 1):
            if (reply := self._endpoint.ask("GET", path)) is not LOST:
                return reply
        return self._endpoint.get(path)

    def patch(self, path: str, body: Mapping[str, Any], *, etag: str) -> Reply:
        """Replace what is there, if it is still what `etag` stands for (empty: whatever it is). `LOST`: nobody knows.

        Raises:
            OutOfReach: nobody answers.
        """
        headers = {"content-type": "application/json", **({"if-match": etag} if etag else {})}
        return self._endpoint.ask("PATCH", path, body=json.dumps(body).encode(), headers=headers)

    @property
    def _endpoint(self) -> Endpoint:
        return Endpoint(make="Caddy", address=self.address, denied=DENIED)


def told(reply: Reply) -> str:
    """Caddy's own words for what is wrong."""
    try:
        return str(json.loads(reply.text)["error"])
    except (ValueError, KeyError, TypeError):
        return reply.text.strip() or f"status {reply.status}"
