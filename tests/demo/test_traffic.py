from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlship.clock import SystemClock
from mlship.demo import traffic
from mlship.demo.model_server import ModelServer
from mlship.demo.service import Faults, Service
from mlship.demo.traffic import Load, Sent, Traffic
from mlship.demo.training import infer_bodies, labelled_bodies, trained
from mlship.errors import UsageError


def load(port: int, **changes: float) -> Load:
    standard = {"rate": 2000.0, "max_requests": 60, "connections": 4}
    return Load(address=f"127.0.0.1:{port}", bodies=infer_bodies(8), **(standard | changes))  # type: ignore[arg-type]


def send(what: Load) -> Sent:
    with Traffic(what, clock=SystemClock()) as sending:
        return sending.finish()


def test_stops_by_itself_after_its_last_request(server: ModelServer) -> None:
    """A load is bounded: it sends just as many requests as it says, and counts them."""
    assert send(load(server.port)) == Sent(ok=60, failed=0)


def test_stops_by_itself_when_its_time_is_over(server: ModelServer) -> None:
    """A load with a million requests ends when its seconds are over."""
    assert send(load(server.port, rate=50.0, max_requests=1_000_000, max_seconds=0.5)).sent < 1000


def test_stop_ends_it_early(server: ModelServer) -> None:
    """`stop` does not wait for the load's own end."""
    sending = Traffic(load(server.port, rate=1.0, max_requests=1_000_000), clock=SystemClock())
    sending.start()

    assert sending.stop().sent < 1000


def test_stop_without_start_is_harmless() -> None:
    """Whoever cleans up need not know how far the start got."""
    assert Traffic(Load(address="127.0.0.1:1", bodies=(b"",)), clock=SystemClock()).stop() == Sent()


def test_error_answers_are_failures(models: Path, server: ModelServer) -> None:
    """An answer with status 500 is counted as failed."""
    service = Service(name="digits", version="v2", faults=Faults(error_rate=1.0), clock=SystemClock())
    service.load(trained("v2", models))
    server.service = service

    assert send(load(server.port)) == Sent(ok=0, failed=60)


def test_waits_until_somebody_listens(service: Service) -> None:
    """Requests before the router is up are not sent, so they cannot fail."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    sending = Traffic(load(port), clock=SystemClock())
    sending.start()
    server = ModelServer(port, service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    sent = sending.finish()
    server.drain()
    thread.join()

    assert sent == Sent(ok=60, failed=0)


def test_nobody_listening_ends_with_its_time() -> None:
    """Without a router nothing is sent, and the load ends all the same."""
    assert send(load(1, max_seconds=0.2)) == Sent()


def test_users_are_drawn_from_the_population_and_the_same_in_every_run() -> None:
    """Two runs of one load send the same users, as many of each, and none from outside the population."""
    first, second = users_of(users=30), users_of(users=30)

    assert first == second
    assert 20 < len(first) <= 30
    assert first.keys() <= {f"user-{number}" for number in range(30)}
    assert users_of(users=30, seed=1) != first


class Recorder(ThreadingHTTPServer):
    """Answers everything, with an id for each request, and keeps what it was sent."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.feedback = HTTPStatus.SERVICE_UNAVAILABLE if refuses else HTTPStatus.NO_CONTENT
        self.users: list[str] = []
        self.asked: dict[str, bytes] = {}
        """Request id → body."""
        self.told: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Answering)

    @contextmanager
    def listening(self) -> Iterator[int]:
        """Answers from now on; yields the port."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield self.server_port
        self.shutdown()
        thread.join()
        self.server_close()


class _Answering(BaseHTTPRequestHandler):
    server: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(HTTPStatus.OK)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == traffic.FEEDBACK:
            self.server.told.append(json.loads(body))
            self._answer(self.server.feedback)
        else:
            identity = str(uuid.uuid4())
            self.server.users.append(self.headers[traffic.USER_HEADER])
            self.server.asked[identity] = body
            self._answer(HTTPStatus.OK, identity)

    def _answer(self, status: HTTPStatus, identity: str = "none") -> None:
        self.send_response(status)
        self.send_header("x-request-id", identity)
        self.send_header("x-mlship-variant", "v1")
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def users_of(**changes: float) -> Counter[str]:
    recorder = Recorder()
    with recorder.listening() as port:
        send(load(port, max_requests=100, **changes))
    return Counter(recorder.users)


def labelled(port: int, share: float) -> Load:
    bodies, truths = zip(*labelled_bodies(), strict=True)
    return replace(load(port, max_requests=200), bodies=bodies, truths=truths, labels=share)


@pytest.mark.usefixtures("models")
def test_the_truth_of_each_answered_request_is_told_under_its_id() -> None:
    """Every label is that of the very image that was sent, and names the request that it belongs to."""
    truth_of = dict(labelled_bodies())
    recorder = Recorder()
    with recorder.listening() as port:
        sent = send(labelled(port, 1.0))

    told = {report["request_id"]: report["value"] for report in recorder.told}

    assert sent == Sent(ok=200, failed=0, told=200, untold=0)
    assert told == {identity: truth_of[body] for identity, body in recorder.asked.items()}
    assert {report["name"] for report in recorder.told} == {"label"}


@pytest.mark.usefixtures("models")
def test_a_share_of_truths_is_told_the_same_ones_in_every_run() -> None:
    """About a third of the labels for a share of a third; no labels unless asked for."""
    first, second, none = (Recorder() for _ in range(3))
    for recorder, share in ((first, 1 / 3), (second, 1 / 3), (none, 0.0)):
        with recorder.listening() as port:
            send(labelled(port, share))

    assert 40 < len(first.told) < 95
    assert Counter(report["value"] for report in first.told) == Counter(report["value"] for report in second.told)
    assert (len(none.asked), none.told) == (200, [])


@pytest.mark.usefixtures("models")
def test_truths_that_are_not_taken_are_no_failed_requests() -> None:
    """Users got their answers; what the router refused is counted beside them."""
    recorder = Recorder(refuses=True)
    with recorder.listening() as port:
        sent = send(labelled(port, 1.0))

    assert sent == Sent(ok=200, failed=0, told=0, untold=200)


def test_requests_that_fail_have_no_truth_to_tell(models: Path, server: ModelServer) -> None:
    """An error is no answer that could be right."""
    service = Service(name="digits", version="v2", faults=Faults(error_rate=1.0), clock=SystemClock())
    service.load(trained("v2", models))
    server.service = service

    assert send(labelled(server.port, 1.0)) == Sent(failed=200)


@pytest.mark.usefixtures("models")
def test_labels_need_a_truth_for_each_body() -> None:
    """A load that cannot tell what it promises is refused before anything is sent."""
    with pytest.raises(UsageError, match="0 truths for 8 bodies"):
        Traffic(load(1, labels=0.5), clock=SystemClock())


@pytest.mark.parametrize("address", ["192.0.2.1:80", "example.com:80", "127.0.0.1", "127.0.0.1:http", ""])
def test_refuses_addresses_that_are_not_on_this_machine(address: str) -> None:
    """The demo's traffic cannot be pointed at anybody else."""
    with pytest.raises(UsageError):
        Traffic(Load(address=address, bodies=(b"",)), clock=SystemClock())


@pytest.mark.parametrize("address", ["127.0.0.1:80", "localhost:80", "[::1]:80"])
def test_takes_every_name_of_this_machine(address: str) -> None:
    """Loopback in any spelling is fine."""
    assert Traffic(Load(address=address, bodies=(b"",)), clock=SystemClock()).sent == Sent()


def test_command_prints_what_it_sent(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with one line of counts, and 0 where nothing failed."""
    assert traffic.main([f"127.0.0.1:{server.port}", "--requests", "20", "--rate", "1000"]) == 0
    assert capsys.readouterr().out == "20 requests, 0 failed\n"


def test_command_prints_the_truths_apart(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A model server without a router takes no truths; the requests were answered all the same."""
    words = [f"127.0.0.1:{server.port}", "--requests", "20", "--rate", "1000", "--labels", "1"]

    assert traffic.main(words) == 0
    assert capsys.readouterr().out == "20 requests, 0 failed; 0 truths and rewards told, 20 not taken\n"


@contextmanager
def sending(port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, which heeds Ctrl-C also where SIGINT is ignored, as for tests in the background."""
    heed = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-m", "mlship.demo.traffic", f"127.0.0.1:{port}", "--seconds", "60", *options]
    with subprocess.Popen(
        [sys.executable, "-c", heed, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_ctrl_c_ends_the_command_with_its_count() -> None:
    """Whoever has seen enough presses Ctrl-C and still gets the line of counts."""
    with socket.create_server(("127.0.0.1", 0)) as router, sending(router.getsockname()[1]) as process:
        connection, _ = router.accept()
        process.send_signal(signal.SIGINT)
        connection.close()
        router.close()
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "0 requests, 0 failed\n", "")


def test_ctrl_c_waits_for_the_answers_under_way() -> None:
    """A request that was sent is counted by its answer, also where that comes after Ctrl-C."""
    with (
        socket.create_server(("127.0.0.1", 0)) as router,
        sending(router.getsockname()[1], "--rate", "0.01") as process,
    ):
        answer(router)
        answer(router, first=lambda: process.send_signal(signal.SIGINT))
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "1 requests, 0 failed\n", "")


def answer(router: socket.socket, first: Callable[[], None] = lambda: None) -> None:
    """One request with 200; `first` is done between the two."""
    connection, _ = router.accept()
    with connection:
        connection.recv(65536)
        first()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "wrong", [["192.0.2.1:80"], ["127.0.0.1:80", "--rate", "0"], ["127.0.0.1:80", "--labels", "1.5"]]
)
def test_command_refuses_wrong_options(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A foreign address, no rate, a share above one: one message, exit code 2."""
    assert traffic.main(wrong) == 2
    assert capsys.readouterr().err.startswith("error: ")
