"""HAProxy's Runtime API: a line in, a text out, over its stats socket."""

from __future__ import annotations

import errno
import socket

import msgspec

from mlship.errors import OutOfReach

ANSWERS_WITHIN = 2.0
"""Seconds that a HAProxy gets for a reply before it counts as out of reach."""

DENIED = "Permission denied"

_HINTS = {
    errno.ENOENT: "start HAProxy, or correct `socket`: it is in the `stats socket` line of its configuration",
    errno.ECONNREFUSED: "start HAProxy: the socket is there, and nobody listens on it",
    errno.EACCES: "let mlship's user use the socket: `usermod -aG haproxy USER`, or `group` in its `stats socket` line",
}
_ELSE = "see whether HAProxy runs and its stats socket can be reached from here"


class RuntimeApi(msgspec.Struct, frozen=True, kw_only=True):
    """One stats socket: a path, or an address and a port."""

    address: str

    def ask(self, *commands: str) -> str:
        """The reply to all of them in one go; what it means is the caller's business: there are no codes.

        Raises:
            OutOfReach: nobody answers.
        """
        try:
            with self._connected() as connection:
                connection.sendall("; ".join(commands).encode() + b"\n")
                return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode("utf-8", "replace")
        except TimeoutError as error:
            message = f"HAProxy {self.address} does not answer within {ANSWERS_WITHIN:g} s"
            raise OutOfReach(message, hint="see whether it hangs") from error
        except OSError as error:
            message = f"HAProxy {self.address} does not answer: {error.strerror or error}"
            raise OutOfReach(message, hint=_HINTS.get(error.errno or 0, _ELSE)) from error

    def _connected(self) -> socket.socket:
        if self.address.startswith("/"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(ANSWERS_WITHIN)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_WITHIN)
