"""A daemon behind `ssh`: each connection is an `ssh` of its own that runs `docker system dial-stdio` over there.

So `docker` itself does it: the user's configuration, keys, agent and jump hosts count. The library's own way needs
paramiko, and cannot hold a connection into a container.
"""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

MOST_IDLE = 10
"""Connections that are kept for the next request."""


def command_of(url: str) -> list[str]:
    """What reaches the daemon of "ssh://user@host:port", or of a socket there: "ssh://host/run/docker.sock"."""
    there = urlsplit(url)
    # As it is written: a name of the user's ssh configuration may have capitals.
    name = there.netloc.rpartition("@")[2].removesuffix(f":{there.port}").strip("[]")
    user = ["-l", there.username] if there.username else []
    port = ["-p", str(there.port)] if there.port else []
    host = ["--host", f"unix://{there.path}"] if there.path.strip("/") else []
    # It could not be asked for a password: it is no child of the terminal, so that Ctrl-C does not end it.
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", *user, *port, "--", name]
    return [*words, "docker", *host, "system", "dial-stdio"]


class SshAdapter(HTTPAdapter):
    """Carries the requests of a client."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._pool = _Pool(command_of(url), timeout=timeout)
        super().__init__()

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        """One pool for everything that is asked of the daemon."""
        return self._pool

    def request_url(self, request: Any, proxies: object) -> str:  # noqa: ANN401 - a request of the library's own
        """Its path."""
        del proxies
        return str(request.path_url)

    def close(self) -> None:
        """Let go of every connection."""
        self._pool.close()
        super().close()


class _Pool(HTTPConnectionPool):
    def __init__(self, command: list[str], *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=MOST_IDLE)
        self._command = command
        self._begun: list[subprocess.Popen[bytes]] = []

    def _new_conn(self) -> _Connection:
        self._begun = [process for process in self._begun if process.poll() is None]
        return _Connection(self._command, timeout=float(self.timeout.read_timeout or 0), begun=self._begun)


class _Connection(HTTPConnection):
    def __init__(self, command: list[str], *, timeout: float, begun: list[subprocess.Popen[bytes]]) -> None:
        super().__init__("localhost", timeout=timeout)
        self._command = command
        self._begun = begun
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        mine, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self._begun.append(self._process)
        mine.settimeout(float(self.timeout or 0) or None)
        self.sock = mine

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        try:
            return super().getresponse()
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            said = self._last_words()
            if not said:
                raise
            raise OutOfReach(
                f"the Docker daemon cannot be reached: {said}", hint=f"see that this works: {' '.join(self._command)}"
            ) from error

    def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return ""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
            lines = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""
