"""A model of a container, as a thread: what it answers can be changed while it serves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.emulators.sagemaker.models import IMAGE


class LocalModel:
    """Answers `POST /invocations` with its name, and `GET /ping`; `asked` keeps the bodies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.healthy = True
        self.latency: float | None = None
        """Microseconds that are published; None: what it takes."""
        self.asked: list[bytes] = []
        self.image = ""
        """For a container's Image."""
        self.url = ""


@contextmanager
def local_model(name: str) -> Iterator[LocalModel]:
    """A model that serves on a free port of loopback."""
    model = LocalModel(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.reply(200 if model.healthy else 503)

        def do_POST(self) -> None:
            model.asked.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.reply(model.status)

        def reply(self, status: int) -> None:
            body = json.dumps({"model": model.name}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if model.latency is not None:
                self.send_header("x-emulated-latency", str(model.latency))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    model.image = f"{IMAGE}127.0.0.1:{server.server_port}"
    model.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
