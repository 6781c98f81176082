"""A balancer's HTTP interface for administration, at an address and a port or at a unix socket."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from http.client import HTTPConnection

ANSWERS_WITHIN = 3.0
"""Seconds that a balancer gets for an answer before it counts as out of reach."""

ELSE = "see whether it runs, and whether its administration can be reached from here"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    text: str
    etag: str


LOST = Reply(status=0, text="it closed the connection before it had answered", etag="")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. Each request has a connection of its own: some makes begin the interface anew with a change."""

    make: str
    address: str
    """A path, or an address and a port."""
    denied: str
    """What to do where this user may not use the socket."""

    def get(self, path: str) -> Reply:
        """What is there; asked once more where the connection is closed under way.

        Raises:
            OutOfReach: nobody answers.
        """
        reply = self.ask("GET", path)
        reply = self.ask("GET", path) if reply is LOST else reply
        if reply is LOST:
            raise self._away(LOST.text, hint=ELSE)
        return reply

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The answer; `LOST` where there was none, and nobody knows what became of the request.

        Raises:
            OutOfReach: nobody is there.
        """
        import http.client

        connection = self._connection()
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            return Reply(status=response.status, text=text, etag=response.headers.get("etag", ""))
        except TimeoutError as error:
            message = f"{self.make} {self.address} does not answer within {ANSWERS_WITHIN:g} s"
            raise OutOfReach(message, hint="see whether it hangs") from error
        except (ConnectionResetError, BrokenPipeError, http.client.HTTPException):
            return LOST
        except OSError as error:
            raise self._away(error.strerror or str(error), hint=self._hint(error.errno)) from error
        finally:
            connection.close()

    def _away(self, why: str, *, hint: str) -> OutOfReach:
        return OutOfReach(f"{self.make} {self.address} does not answer: {why}", hint=hint)

    def _hint(self, number: int | None) -> str:
        if number in {errno.ENOENT, errno.ECONNREFUSED}:
            return f"start {self.make}, or correct `admin`: it is where its configuration has `admin` listen"
        return self.denied if number == errno.EACCES else ELSE

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
