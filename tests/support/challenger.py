"""A challenger that remembers the copies that it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

READY = "/v2/health/ready"


class Copy(NamedTuple):
    """One request; its headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Challenger(ThreadingHTTPServer):
    """It listens at `address`; without one, anywhere on loopback."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str = "127.0.0.1:0") -> None:
        host, _, port = address.rpartition(":")
        super().__init__((host, int(port)), _Handler)
        self.copies: list[Copy] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Challenger

    def do_GET(self) -> None:
        body = self._body()
        if self.path != READY:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.copies.append(Copy(self.path, headers, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    do_POST = do_GET  # noqa: N815 - as http.server wants it

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def challenger(address: str = "127.0.0.1:0") -> Iterator[Challenger]:
    """It serves meanwhile."""
    with Challenger(address) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
