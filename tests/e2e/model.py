"""A real model server for tests, on nothing but the standard library: `python model.py --port N [faults]`.

It answers who it is, so that a test can tell which model served a request.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def arguments() -> argparse.Namespace:
    """How the model behaves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default=os.environ.get("MLSHIP_MODEL", "model"))
    parser.add_argument("--errors", type=float, default=0.0, help="share of the answers that are 500, 0..1")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--die-after", type=int, default=0, help="number of answers after which it exits")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--crash", action="store_true", help="exit at once, with a message on stderr")
    parser.add_argument("--needs", help="a file without which it exits at once")
    parser.add_argument("--hang-after", type=int, default=0, help="number of answers after which it answers nothing")
    return parser.parse_args()


ASKED = arguments()
ANSWERS = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Health, and an answer to everything else."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Health, or a prediction."""
        if self.path == "/v2/health/ready":
            self.reply(503 if ASKED.never_ready else 200, {"ready": not ASKED.never_ready})
        else:
            self.predict()

    def do_POST(self) -> None:
        """A prediction."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.predict()

    def predict(self) -> None:
        """Answer, or misbehave as asked."""
        number = next(ANSWERS)
        if ASKED.die_after and number > ASKED.die_after:
            os._exit(7)
        if ASKED.hang_after and number > ASKED.hang_after:
            threading.Event().wait()
        time.sleep(ASKED.delay + float(self.headers.get("x-delay", 0)))
        failed = (number * 0.618034) % 1.0 < ASKED.errors
        self.reply(500 if failed else 200, {"model": ASKED.name, "pid": os.getpid()})

    def reply(self, status: int, body: object) -> None:
        """One packet."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: tests read only what the model says when it dies."""


class Server(ThreadingHTTPServer):
    """Finishes the requests under way before it stops."""

    request_queue_size = 1024
    daemon_threads = False
    block_on_close = False


if ASKED.crash or (ASKED.needs and not os.path.exists(ASKED.needs)):  # noqa: PTH110
    sys.exit("model file not found: weights.bin")
server = Server(("127.0.0.1", ASKED.port), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
os._exit(0)
