"""A real model server on nothing but the standard library; how it misbehaves is asked for in its environment.

PORT, HOST     where it listens; HOST is this machine where it is left out
MLSHIP_MODEL   who it says it is
NEVER_READY    any text: its health check never passes
DIE_AFTER      answers after which it exits with code 7
DIE_AT_START   any text: it exits with code 3 and says why
ERRORS         share of its answers that are 500, 0..1
DELAY          seconds that each answer takes; the request header `x-delay` adds to it
TELLS          any text: it tells in a header, too, who it says it is, for balancers that do not
READS_NOTHING  any text: it takes connections and never reads a request's body
HANG           any text: it accepts requests and never answers
DEAF           any text: SIGTERM does not end it
SIGNED         any text: answers say in x-mlship-variant who they are of

POST /echo     answers the request's body, its type and its encoding
GET /stream    one event, and another one once somebody has asked for /go
GET /arrived   how many predictions were asked for, answered or not
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

ASKED = os.environ
ANSWERS = count(1)
ARRIVED: list[None] = []
FOR_EVER = threading.Event()
GO = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Health, and an answer to everything else."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Health, or a prediction."""
        match self.path:
            case "/v2/health/ready":
                self.reply(503 if ASKED.get("NEVER_READY") else 200, {})
            case "/stream":
                self.stream()
            case "/arrived":
                self.reply(200, {"arrived": len(ARRIVED)})
            case "/go":
                GO.set()
                self.reply(200, {})
            case _:
                self.predict(0)

    def do_POST(self) -> None:
        """A prediction for a body."""
        if ASKED.get("READS_NOTHING"):
            FOR_EVER.wait()
        # A body without a length is left where it is: so is the connection.
        self.close_connection = "transfer-encoding" in self.headers
        left = length = int(self.headers.get("content-length", 0))
        pieces = []
        while left:
            pieces.append(self.rfile.read(min(left, 65536)))
            left -= len(pieces[-1])
        if self.path == "/echo":
            self.echo(b"".join(pieces))
        else:
            self.predict(length)

    def echo(self, body: bytes) -> None:
        """The request's own body."""
        self.send_response(200)
        for name in ("content-type", "content-encoding"):
            if name in self.headers:
                self.send_header(name, self.headers[name])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        """Two server-sent events, the second only once somebody wants it."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in (b"data: first\n\n", b"data: second\n\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            GO.wait()
        self.wfile.write(b"0\r\n\r\n")

    def predict(self, length: int) -> None:
        """Answer, or misbehave as asked."""
        ARRIVED.append(None)
        number = next(ANSWERS)
        if number > int(ASKED.get("DIE_AFTER", sys.maxsize)):
            os._exit(7)
        if ASKED.get("HANG"):
            FOR_EVER.wait()
        FOR_EVER.wait(float(ASKED.get("DELAY", 0)) + float(self.headers.get("x-delay", 0)))
        failed = (number * 0.618034) % 1.0 < float(ASKED.get("ERRORS", 0))
        told = {"model": ASKED.get("MLSHIP_MODEL"), "pid": os.getpid(), "length": length}
        self.reply(500 if failed else 200, told | {"headers": {k.lower(): v for k, v in self.headers.items()}})

    def reply(self, status: int, body: object) -> None:
        """Status and JSON, in one packet."""
        data = json.dumps(body).encode()
        self.send_response(status)
        if ASKED.get("TELLS"):
            self.send_header("x-mlship-variant", ASKED["MLSHIP_MODEL"])
        self.send_header("content-length", str(len(data)))
        if ASKED.get("SIGNED"):
            self.send_header("x-mlship-variant", ASKED["MLSHIP_MODEL"])
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: only what it says when it dies is read."""


class Server(ThreadingHTTPServer):
    """Takes bursts of connections."""

    request_queue_size = 4096
    daemon_threads = True


def main() -> None:
    """Serve until SIGTERM."""
    if ASKED.get("DIE_AT_START"):
        sys.exit("weights not found")
    threading.stack_size(256 * 1024)
    if ASKED.get("DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = Server((ASKED.get("HOST", "127.0.0.1"), int(ASKED["PORT"])), Handler)
    if not ASKED.get("DEAF"):
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
