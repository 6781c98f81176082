"""S3 by moto, bound to loopback, behind the emulator's own address."""

from __future__ import annotations

import http.client
import logging
import threading
from typing import Any

from tests.emulators.sagemaker.errors import Answer
from tests.emulators.sagemaker.wire import Request

EMPTY = Request(method="POST", path="/moto-api/reset", headers={}, body=b"")
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class S3:
    """A moto server that starts, with no bucket, when it is first needed; its state belongs to the process."""

    def __init__(self) -> None:
        self._server: Any = None
        self._port = 0
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget all buckets."""
        with self._lock:
            if self._server is not None:
                self._send(self._port, EMPTY)

    def stop(self) -> None:
        """End, if it ever began."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None

    def _started(self) -> int:
        with self._lock:
            if self._server is None:
                from moto.server import ThreadedMotoServer

                logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's own way to be quiet leaves its requests
                self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
                self._server.start()
                _, self._port = self._server.get_host_and_port()
                self._send(self._port, EMPTY)
            return self._port

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object, as a service of AWS does; without its bucket it is lost."""
        self.forward(Request(method="PUT", path=f"/{bucket}/{key}", headers={}, body=content))

    def forward(self, request: Request) -> Answer:
        """Have moto answer a request for S3."""
        return self._send(self._started(), request)

    def _send(self, port: int, request: Request) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
        passed = {key: value for key, value in request.headers.items() if key not in HOP | {"expect"}}
        try:
            connection.request(request.method, request.path, request.body, passed)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        headers = {key.lower(): value for key, value in response.headers.items()}
        length = headers.get("content-length", str(len(body)))
        kept = {key: value for key, value in headers.items() if key not in HOP}
        return Answer(status=response.status, headers=kept | {"content-length": length}, body=body)
