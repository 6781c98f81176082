"""Envoy's admin interface."""

from __future__ import annotations

import http.client
import socket
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from mlship.errors import OutOfReach

PATIENCE = 5.0
"""Seconds that an answer of the admin interface may take."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


class Administration:
    """Questions and orders to one Envoy.

    Raises, from every method:
        OutOfReach: it is refused, stale or silent.
    """

    def get(self, target: str) -> str:
        """The body of the answer."""
        return self._told("GET", target)

    def post(self, target: str) -> None:
        """Give an order."""
        self._told("POST", target)

    def stats(self, *names: str) -> Mapping[str, str]:
        """Numbers and texts by name; one that Envoy does not have yet is absent."""
        pattern = "|".join(name.replace(".", "[.]") for name in names)
        body = self.get(f"/stats?filter={quote(f'^({pattern})$', safe='')}")
        pairs = (line.partition(": ") for line in body.splitlines())
        return {name: value.strip('"') for name, _, value in pairs}

    def _told(self, method: str, target: str) -> str:
        status, body = self._ask(method, target)
        if status >= http.client.BAD_REQUEST:
            raise OutOfReach(f"the router answers {status} to {method} {target}", hint=body.strip()[:200])
        return body

    @abstractmethod
    def _ask(self, method: str, target: str) -> tuple[int, str]:
        """(status, body) of an answer."""


class Admin(Administration):
    """An Envoy whose administration listens on a socket of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _ask(self, method: str, target: str) -> tuple[int, str]:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise OutOfReach(
                f"the router does not answer on {self._path}: {error}",
                hint="if it has died, `mlship resume` or `mlship rollback` starts it again",
            ) from error
        finally:
            connection.close()
