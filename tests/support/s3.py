"""S3 on loopback: moto's server, and before it a front with its own time that counts requests and can spoil them.

moto answers as S3 does where writes are conditional; what it never does itself (409, 500, an answer that is lost) the
front does. All of it goes over real sockets.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlship.clock import Clock, SystemClock
from mlship.journal.shared.archive import SharedArchive
from mlship.journal.shared.place import parse
from mlship.journal.store import Journal

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "KEYOFTESTS", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_REGION": "us-east-1"}
_NUMBERS = count()
_SAID = "<?xml version='1.0'?><Error><Code>{}</Code><Message>as the test wants it</Message></Error>"
_SIGNED = "AWS4-HMAC-SHA256 Credential=KEYOFTESTS/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=no"
_HOP = {"connection", "date", "last-modified", "transfer-encoding", "content-length", "server"}

Spoil = Callable[["Request"], bool]
"""Does something else with a request; False: nothing, it goes its usual way."""


def opened(where: str) -> Journal:
    """The journal in a folder or at an address, its copies in the user's state folder."""
    from platformdirs import user_state_path

    clock = SystemClock()
    if "://" not in where:
        return Journal(Path(where), clock, patience=30)
    return Journal(SharedArchive(parse(where), user_state_path("mlship"), clock, every=0, patience=30), clock)


class Store:
    """One bucket."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.bucket = f"rollouts-{next(_NUMBERS)}"
        self.url = f"s3://{self.bucket}/team/a"
        self.clock: Clock = SystemClock()
        self.asked: Counter[str] = Counter()
        self.spoils: list[Spoil] = []
        self.written: dict[str, float] = {}
        front.stores[self.bucket] = self
        front.ask("PUT", f"/{self.bucket}")

    def journal(self, copies: Path, clock: Clock) -> Journal:
        """The journals in this bucket, as seen by a machine with these copies."""
        return Journal(SharedArchive(parse(self.url), copies, clock, every=0), clock)

    def keys(self, part: str) -> list[str]:
        """Keys of the objects that have `part` in them, in order."""
        page = self.front.ask("GET", f"/{self.bucket}?list-type=2").decode()
        return [key for key in re.findall("<Key>(.*?)</Key>", page) if part in key]

    def body(self, key: str) -> bytes:
        return self.front.ask("GET", f"/{self.bucket}/{key}")

    def write(self, key: str, body: bytes) -> None:
        path = f"/{self.bucket}/{key}"
        self.front.ask("PUT", path, body)
        self.written[path] = self.clock.now()

    def delete(self, key: str) -> None:
        self.front.ask("DELETE", f"/{self.bucket}/{key}")

    def spoil(self, how: Callable[[Request], None], *, method: str, part: str = "/log/", times: int = 1) -> None:
        """Have `how` answer the next `times` requests of a method with `part` in their key."""
        left = iter(range(times))

        def spoilt(request: Request) -> bool:
            if request.command != method or part not in request.path or next(left, None) is None:
                return False
            how(request)
            return True

        self.spoils.append(spoilt)


class Request(BaseHTTPRequestHandler):
    """One connection to the front."""

    protocol_version = "HTTP/1.1"
    server: Front

    def handle_one(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        store = self.store()
        if store is None:
            self.pass_on()
            return
        store.asked["LIST" if "list-type=2" in self.path else self.command] += 1
        if not any(spoil(self) for spoil in list(store.spoils)):
            self.pass_on()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one  # noqa: N815 - as http.server names them

    def store(self) -> Store | None:
        """Whose request it is."""
        return self.server.stores.get(urlsplit(self.path).path.split("/")[1])

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What moto answers."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "expect"}}
        line = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        try:
            line.request(self.command, self.path, self.body, headers)
            answer = line.getresponse()
            if self.command == "PUT" and answer.status == 200 and (store := self.store()):
                store.written[self.path] = store.clock.now()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            line.close()

    def pass_on(self) -> None:
        self.answer(*self.forward())

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        store = self.store()
        now = store.clock.now() if store else SystemClock().now()
        self.send_response_only(status)
        self.send_header("Date", formatdate(now, usegmt=True))
        if store and self.path in store.written and self.command != "PUT":
            self.send_header("Last-Modified", formatdate(store.written[self.path], usegmt=True))
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def says(status: int, code: str) -> Callable[[Request], None]:
    """An answer that moto would not give."""
    return lambda request: request.answer(status, [("Content-Type", "application/xml")], _SAID.format(code).encode())


def hang_up(request: Request) -> None:
    """The request never arrives."""
    request.close_connection = True
    request.connection.close()


def lose_answer(request: Request) -> None:
    """The request is carried out, and its answer gets lost."""
    request.forward()
    hang_up(request)


def break_off(request: Request) -> None:
    """The answer ends in its middle."""
    status, headers, body = request.forward()
    request.send_response_only(status)
    for name, value in headers:
        if name.lower() not in _HOP:
            request.send_header(name, value)
    request.send_header("Last-Modified", formatdate(0, usegmt=True))
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])
    hang_up(request)


def write_anyway(request: Request) -> None:
    """A store that does not know conditions."""
    del request.headers["If-None-Match"]
    request.pass_on()


class Front(ThreadingHTTPServer):
    """What the client talks to."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.behind = behind
        self.stores: dict[str, Store] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask moto itself, past the front."""
        line = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=60)
        try:
            line.request(method, path, body, {"Authorization": _SIGNED})
            return line.getresponse().read()
        finally:
            line.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is none of our business."""


@contextmanager
def front() -> Iterator[Front]:
    """Moto and the front before it, both on free ports of loopback."""
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        _, port = moto.get_host_and_port()
        with Front(port) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            yield server
            server.shutdown()
            thread.join()
    finally:
        moto.stop()
