from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlship.clock import SystemClock
from mlship.demo import traffic
from mlship.demo.model_server import ModelServer
from mlship.demo.service import Faults, Service
from mlship.demo.traffic import Load, Sent, Traffic
from mlship.demo.training import infer_bodies, trained
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


def users_of(**changes: float) -> Counter[str]:
    seen: list[str] = []

    class Recorder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(self.headers[traffic.USER_HEADER])
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        send(load(server.server_port, max_requests=100, **changes))
        server.shutdown()
        thread.join()
    return Counter(seen)


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


def test_ctrl_c_ends_the_command_with_its_count() -> None:
    """Whoever has seen enough presses Ctrl-C and still gets the line of counts."""
    with socket.create_server(("127.0.0.1", 0)) as router:
        port = router.getsockname()[1]
        # Whoever runs the tests in the background has SIGINT ignored, and hands that on.
        heeding = (
            "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [sys.executable, "-c", heeding, sys.executable, "-m", "mlship.demo.traffic", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = router.accept()
            process.send_signal(signal.SIGINT)
            connection.close()
            router.close()
            out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "0 requests, 0 failed\n", "")


@pytest.mark.parametrize("wrong", [["192.0.2.1:80"], ["127.0.0.1:80", "--rate", "0"]])
def test_command_refuses_wrong_options(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A foreign address or no rate: one message, exit code 2."""
    assert traffic.main(wrong) == 2
    assert capsys.readouterr().err.startswith("error: ")
