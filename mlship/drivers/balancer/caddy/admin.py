"""Caddy's admin API: JSON over HTTP, at an address and a port or at a unix socket."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from http.client import HTTPConnection

ANSWERS_WITHIN = 3.0
"""Seconds that a Caddy gets for an answer before it counts as out of reach: it takes a change before it answers."""

_HINTS = {
    errno.ENOENT: "start Caddy, or correct `admin`: it is the `listen` of `admin` in its configuration",
    errno.ECONNREFUSED: "start Caddy, or correct `admin`: it is the `listen` of `admin` in its configuration",
    errno.EACCES: 'let mlship\'s user use the socket: `"listen": "unix//run/caddy/admin.sock|0660"` and its group',
}
_ELSE = "see whether Caddy runs and its admin API can be reached from here"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. A status of 200 says that Caddy runs what it was given, and not what that is."""

    status: int
    text: str
    etag: str

    @property
    def told(self) -> str:
        """Caddy's own words for what is wrong."""
        try:
            return str(json.loads(self.text)["error"])
        except (ValueError, KeyError, TypeError):
            return self.text.strip() or f"status {self.status}"


LOST = Reply(status=0, text="it closed the connection before it had answered", etag="")


class AdminApi(msgspec.Struct, frozen=True, kw_only=True):
    """One admin endpoint: a path, or an address and a port."""

    address: str

    def get(self, path: str) -> Reply:
        """What is there; asked once more where the connection is closed under way.

        Raises:
            OutOfReach: nobody answers.
        """
        reply = self._ask("GET", path)
        reply = self._ask("GET", path) if reply is LOST else reply
        if reply is LOST:
            raise OutOfReach(f"Caddy {self.address} does not answer: {LOST.text}", hint=_ELSE)
        return reply

    def patch(self, path: str, body: Mapping[str, Any], *, etag: str) -> Reply:
        """Replace what is there, if it is still what `etag` stands for (empty: whatever it is). `LOST`: nobody knows.

        Raises:
            OutOfReach: nobody answers.
        """
        headers = {"content-type": "application/json", **({"if-match": etag} if etag else {})}
        return self._ask("PATCH", path, body=json.dumps(body).encode(), headers=headers)

    def _ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        # With each change Caddy starts its admin endpoint anew: a connection that was kept would be closed by then.
        import http.client

        connection = self._connection()
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            return Reply(status=response.status, text=text, etag=response.headers.get("etag", ""))
        except TimeoutError as error:
            message = f"Caddy {self.address} does not answer within {ANSWERS_WITHIN:g} s"
            raise OutOfReach(message, hint="see whether it hangs") from error
        except (ConnectionResetError, BrokenPipeError, http.client.HTTPException):
            return LOST
        except OSError as error:
            message = f"Caddy {self.address} does not answer: {error.strerror or error}"
            raise OutOfReach(message, hint=_HINTS.get(error.errno or 0, _ELSE)) from error
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        import http.client

        if not self.address.startswith("/"):
            host, _, port = self.address.rpartition(":")
            return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWERS_WITHIN)
        connection = http.client.HTTPConnection("127.0.0.1", timeout=ANSWERS_WITHIN)
        path = self.address

        def connect() -> None:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(ANSWERS_WITHIN)
            connection.sock.connect(path)

        connection.connect = connect  # type: ignore[method-assign]
        return connection
