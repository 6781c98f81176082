"""A server of numbers on loopback, which answers what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.ports import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer, and how."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    """Say nothing until the test is over."""
    trickling: bool = False
    """A byte now and then, without end."""
    cut: bool = False
    """Hang up in the middle of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked."""

    path: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> Mapping[str, str]:
        """Of the query."""
        return dict(parse_qsl(urlsplit(self.path).query))


class Service(ThreadingHTTPServer):
    """Answers with `replies` in turn, the last of them for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.replies = [Reply()]
        self.questions: list[Question] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def say(self, *replies: Reply | bytes) -> None:
        """What to answer from now on; a body stands for an answer of 200."""
        self.replies = [Reply(body=each) if isinstance(each, bytes) else each for each in replies]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Service
    timeout: ClassVar[float] = 30.0

    def do_GET(self) -> None:
        server = self.server
        server.questions.append(Question(path=self.path, headers=dict(self.headers)))
        reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
        if reply.silent:
            server.over.wait(30.0)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.trickling:
            self.send_header("Content-Length", str(len(reply.body) * (2 if reply.cut else 1)))
        self.end_headers()
        self.wfile.write(reply.body)
        while reply.trickling and not server.over.wait(0.02):
            self.wfile.write(b" ")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing on the terminal."""


@contextmanager
def serving() -> Iterator[Service]:
    """A server until the block ends."""
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
