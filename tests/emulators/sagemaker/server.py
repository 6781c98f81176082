"""The HTTP server, and the emulator as a test holds it."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.emulators.sagemaker import lifecycle, runtime
from tests.emulators.sagemaker.capture import Captures
from tests.emulators.sagemaker.clock import EmulatedClock
from tests.emulators.sagemaker.control import HOME, PREFIX, Control
from tests.emulators.sagemaker.errors import Answer, Dropped
from tests.emulators.sagemaker.faults import Fault
from tests.emulators.sagemaker.s3 import S3
from tests.emulators.sagemaker.service import Service
from tests.emulators.sagemaker.settings import Outcome, Settings
from tests.emulators.sagemaker.wire import Request
from tests.emulators.sagemaker.world import World


class SageMakerEmulator:
    """All of it on one port of loopback; a context manager."""

    def __init__(self, settings: Settings | None = None, *, manual: bool = True, port: int = 0) -> None:
        self.clock = EmulatedClock(manual=manual)
        self._s3 = S3()
        self.world = World(clock=self.clock, settings=settings or Settings(), captures=Captures(self._s3.put))
        self._service = Service(self.world, self._s3)
        self.control = Control(self._service)
        self._server = _Server(("127.0.0.1", port), Handler)
        self._server.emulator = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        """For AWS_ENDPOINT_URL."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._service.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._service.runtime.drain()
        self._s3.stop()

    @property
    def settings(self) -> Settings:
        """To be changed at any time."""
        return self.world.settings

    @property
    def calls(self) -> Counter[str]:
        """Calls so far by `service:Operation`."""
        return self.world.calls

    def outcome(self, outcome: Outcome) -> None:
        """How the next change that it is for ends."""
        self.settings.outcomes.append(outcome)

    def fault(self, fault: Fault) -> None:
        """What befalls the next calls that it is for."""
        self.world.faults.order(fault)

    def advance(self, seconds: float) -> None:
        """Move the clock, and let happen what happens until then."""
        self.clock.advance(seconds)
        self._service.settle()

    def release(self, endpoint: str, region: str = HOME) -> None:
        """Let an update that is stuck go on."""
        with self.world.lock:
            lifecycle.release(self.world, self.world.region(region), endpoint)

    def system_update(self, endpoint: str, seconds: float, region: str = HOME) -> None:
        """Maintenance by AWS, for so many seconds of the clock."""
        with self.world.lock:
            lifecycle.system_update(self.world, self.world.region(region), endpoint, seconds)

    def publish(self, samples: list[dict[str, Any]], region: str = HOME) -> None:
        """Datapoints in AWS's own namespace: `metric`, `endpoint`, `variant`, `values`, maybe `config` and `ago`."""
        with self.world.lock:
            runtime.statistics(self.world, self.world.region(region), samples)

    def reset(self, settings: Settings | None = None) -> None:
        """Forget all but the time, which by hand goes on to a full minute: one emulator serves many tests."""
        self._service.reset(settings or Settings())
        if self.clock.manual:
            self.clock.advance(-self.clock.now() % 60.0)

    def drain(self) -> None:
        """Wait for the copies to shadows that are under way."""
        self._service.runtime.drain()

    def reply(self, request: Request) -> Answer:
        """The answer to a request."""
        if request.path.startswith(PREFIX):
            return self.control.answer(request.path, request.body)
        return self._service.answer(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    emulator: SageMakerEmulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no error of the emulator."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, writes its answer in one go."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _do(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, headers=headers, body=self._body())
        try:
            answer = self.server.emulator.reply(request)
        except Dropped:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - a fault of the emulator is to be seen, not waited for
            answer = Answer(status=501, headers={"content-type": "text/plain"}, body=traceback.format_exc().encode())
        self._write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do  # noqa: N815 - the names are http.server's

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in ({"content-length": str(len(answer.body))} | answer.headers).items():
            self.send_header(key, value)
        self.send_header("x-amzn-requestid", "emulated")
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(answer.body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Nobody reads it."""
