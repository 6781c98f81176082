"""A model server: `python -m mlship.demo.model_server --train v1 --port 8001`.

It listens at once and is ready when the model is loaded. On SIGTERM it finishes the requests it has, closes the
connections that have none, and exits with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn

from mlship.clock import SystemClock
from mlship.demo import training
from mlship.demo.service import Faults, Reply, Service
from mlship.errors import Exit, MlshipError, UsageError

HOST = "127.0.0.1"
LARGEST_BODY = 1 << 20
"""Bytes."""
_SIGNALS = {signal.SIGTERM, signal.SIGINT}


class ModelServer(ThreadingMixIn, TCPServer):
    """One thread for each connection; knows which of them wait for a request."""

    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, port: int, service: Service, *, host: str = HOST) -> None:
        self.service = service
        self.draining = False
        self._idle: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def drain(self) -> None:
        """Take no more connections, finish the requests at work, return when the last has its answer."""
        self.shutdown()
        with self._lock:
            self.draining = True
            for connection in self._idle:
                _stop_reading(connection)
        self.server_close()

    def waits(self, connection: socket.socket) -> None:
        """The connection has no request now."""
        with self._lock:
            self._idle.add(connection)
            if self.draining:
                _stop_reading(connection)

    def works(self, connection: socket.socket) -> None:
        """The connection has a request, or is gone."""
        with self._lock:
            self._idle.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Headers and body leave in one packet: two would wait for the client's delayed acknowledgement.
    wbufsize = -1
    error_content_type = "application/json"
    error_message_format = '{"error": "%(message)s"}'

    def handle_one_request(self) -> None:
        self.server.waits(self.connection)
        super().handle_one_request()
        self.close_connection = self.close_connection or self.server.draining

    def parse_request(self) -> bool:
        self.server.works(self.connection)
        return super().parse_request()

    def finish(self) -> None:
        self.server.works(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._send(self.server.service.get(*self._parts()))

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "content-length is missing or is not a number")
        elif int(length) > LARGEST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes")
        else:
            body = self.rfile.read(int(length))
            self._send(self.server.service.post(*self._parts(), body=body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method it replaces
        """Stay silent: a line for each request would be most of the log."""

    def _parts(self) -> list[str]:
        return self.path.partition("?")[0].strip("/").split("/")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        # The body stays unread, so what follows on this connection cannot be told from it.
        self.close_connection = True
        self._send(Reply(status=status, body={"error": why}))

    def _send(self, reply: Reply) -> None:
        body = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if self.close_connection or self.server.draining:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _stop_reading(connection: socket.socket) -> None:
    # A request that has already arrived is still read and answered; after it, the thread sees the end of the stream.
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        return  # the client was faster


def serve(server: ModelServer, options: argparse.Namespace) -> Exit:
    """Listen, load the model, and answer until SIGTERM or SIGINT."""
    # Waiting for blocked signals, instead of handling them, leaves no moment at which one could interrupt a lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    failures: list[MlshipError] = []
    loader = threading.Thread(target=_load, args=(server, options, failures), daemon=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    loader.start()
    signal.sigwait(_SIGNALS)
    server.drain()
    return _report(failures[0]) if failures else Exit.DONE


def _load(server: ModelServer, options: argparse.Namespace, failures: list[MlshipError]) -> None:
    try:
        SystemClock().sleep(options.startup)
        server.service.load(options.model or training.trained(options.train, options.cache or _cache()))
    except MlshipError as error:
        failures.append(error)
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        _say(f"{options.name} {options.version} is ready on {options.host}:{server.port}")


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("mlship") / "demo"


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    options = argparse.ArgumentParser(prog="python -m mlship.demo.model_server", description=__doc__)
    source = options.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a model file that the demo has written")
    source.add_argument("--train", choices=training.MODELS, help="train this model at first use, then keep it")
    options.add_argument("--cache", type=Path, help="folder of the models that --train keeps")
    options.add_argument("--name", default="digits", help="the model's name in the URL")
    options.add_argument("--version", default="", help="the version that answers state")
    options.add_argument("--port", type=int, default=os.environ.get("PORT"), help="default: $PORT")
    options.add_argument("--host", default=HOST, help="address to listen on; in a container 0.0.0.0")
    options.add_argument("--error-rate", type=_share, default=0.0, help="share of answers that are errors, 0..1")
    options.add_argument("--delay", type=float, default=0.0, metavar="MS", help="milliseconds added to each answer")
    options.add_argument("--startup", type=float, default=0.0, metavar="S", help="seconds before the model is loaded")
    options.add_argument("--seed", type=int, default=0, help="which answers are errors")
    return options


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise ValueError
    return share


def _listen(options: argparse.Namespace) -> ModelServer:
    faults = Faults(error_rate=options.error_rate, delay=options.delay / 1000, seed=options.seed)
    service = Service(name=options.name, version=options.version, faults=faults, clock=SystemClock())
    try:
        return ModelServer(options.port, service, host=options.host)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"cannot listen on {options.host}:{options.port}: {error}", hint="choose another --port"
        ) from error


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _report(error: MlshipError) -> Exit:
    _say(f"error: {error.message}")
    if error.hint:
        _say(f"hint: {error.hint}")
    return error.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    ours = parser()
    options = ours.parse_args(arguments)
    if options.port is None:
        ours.error("--port is missing, and so is $PORT")
    options.version = options.version or options.train or "1"
    # One row is predicted at a time: a pool of threads would cost more than it gives.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return serve(_listen(options), options)
    except MlshipError as error:
        return _report(error)


if __name__ == "__main__":
    sys.exit(main())
