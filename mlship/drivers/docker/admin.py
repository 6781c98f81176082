"""Envoy's administration on the loopback of its container."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from mlship.dataplane.admin import PATIENCE, Administration
from mlship.drivers.docker.stream import Tunnel
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient


class TunnelAdmin(Administration):
    """An Envoy whose administration is reached through its container."""

    def __init__(self, client: DockerClient, container: str, port: int) -> None:
        self._client = client
        self._container = container
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def open(self) -> None:
        """Begin to connect; questions wait for the end of it."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
            # As much of a socket as is asked of it.
            self._connection.sock = Tunnel(self._client, self._container, self._port, patience=PATIENCE)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, method: str, target: str) -> tuple[int, str]:
        fresh = self._connection is None
        try:
            return self._asked(method, target)
        except OutOfReach:
            self.close()
            if fresh or method != "GET":
                raise
            # Envoy closes a connection that has been idle for long.
            return self._asked(method, target)

    def _asked(self, method: str, target: str) -> tuple[int, str]:
        self.open()
        assert self._connection is not None
        try:
            self._connection.request(method, target)
            response = self._connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise OutOfReach(
                f"the router does not answer in its container: {error or type(error).__name__}",
                hint="if it has died, `mlship resume` or `mlship rollback` starts it again",
            ) from error
