from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlship.demo.model_server import LARGEST_BODY, ModelServer, main
from mlship.demo.training import infer_bodies, trained

INFER = "/v2/models/digits/infer"


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@contextmanager
def connected(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    yield connection
    connection.close()


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server in its own process, and its port once it says that it is ready."""
    command = [sys.executable, "-m", "mlship.demo.model_server", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            yield process, int(process.stderr.readline().rpartition(":")[2])
        finally:
            process.kill()


def test_one_connection_serves_many_requests(server: ModelServer) -> None:
    """Connections are kept alive, and each answer is the digit of its own image."""
    with connected(server.port) as connection:
        answers = [ask(connection, "POST", INFER, body) for body in infer_bodies(20)]
        kept = connection.sock is not None

    assert kept
    assert {status for status, _ in answers} == {200}
    assert len({answer["outputs"][0]["data"][0] for _, answer in answers}) > 5


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v2/health/ready?now", None, 200),
        ("GET", "/v2/models/letters", None, 404),
        ("GET", "/", None, 404),
        ("POST", INFER, b"{", 400),
        ("POST", INFER, b"{}", 400),
        ("DELETE", INFER, None, 501),
    ],
)
def test_answers_are_json_also_where_they_are_refusals(
    server: ModelServer, method: str, path: str, body: bytes | None, status: int
) -> None:
    """A wrong request gets its status and a reason in JSON."""
    with connected(server.port) as connection:
        answered, reason = ask(connection, method, path, body)

    assert answered == status
    assert isinstance(reason, dict)


@pytest.mark.parametrize(
    ("length", "status"),
    [("", 411), ("content-length: many\r\n", 411), (f"content-length: {LARGEST_BODY + 1}\r\n", 413)],
)
def test_a_body_of_unknown_or_huge_length_ends_the_connection(server: ModelServer, length: str, status: int) -> None:
    """A body that is not read is refused, and the connection with it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"POST {INFER} HTTP/1.1\r\nhost: a\r\n{length}\r\n".encode())
        answer = client.makefile("rb").read()

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_sigterm_lets_a_request_at_work_finish(models: Path) -> None:
    """The slow answer arrives after SIGTERM, an idle connection is closed, the process exits with 0."""
    model = str(trained("v1", models))
    with running("--model", model, "--delay", "400") as (process, port):
        with connected(port) as idle, connected(port) as busy:
            ask(idle, "GET", "/v2/health/live")
            ask(busy, "GET", "/v2/health/live")
            busy.request("POST", INFER, infer_bodies(1)[0])
            process.send_signal(signal.SIGTERM)
            answer = busy.getresponse()

            assert answer.status == 200
            assert answer.getheader("connection") == "close"
            assert json.loads(answer.read())["model_name"] == "digits"
            assert idle.sock.recv(1) == b""
        assert process.wait(30) == 0


def test_it_is_live_before_it_is_ready(models: Path) -> None:
    """While the model loads the server answers, and says that it is not ready; SIGTERM ends it even then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = ["--model", str(trained("v1", models)), "--port", str(port), "--startup", "600"]
    with subprocess.Popen([sys.executable, "-m", "mlship.demo.model_server", *options]) as process:
        try:
            statuses = [_eventually(port, path) for path in ("/v2/health/live", "/v2/health/ready")]
            process.terminate()

            assert statuses == [200, 503]
            assert process.wait(30) == 0
        finally:
            process.kill()


def _eventually(port: int, path: str) -> int:
    for _ in range(10_000):
        try:
            with connected(port) as connection:
                return ask(connection, "GET", path)[0]
        except ConnectionRefusedError:
            continue
    raise AssertionError("nobody listens")


def test_trains_at_first_start_and_answers_with_its_version(tmp_path: Path, models: Path) -> None:
    """`--train` needs no preparation: the model is there when the server is ready."""
    with (
        running("--train", "v2", "--cache", str(tmp_path)) as (_, port),
        connected(port) as connection,
    ):
        _, answer = ask(connection, "POST", INFER, infer_bodies(1)[0])

    assert answer["model_version"] == "v2"
    assert [path.name for path in tmp_path.iterdir()] == [trained("v2", models).name]


def test_a_model_that_cannot_be_loaded_ends_the_server(tmp_path: Path) -> None:
    """A damaged model file: one message, exit code 2, no server that never gets ready."""
    damaged = tmp_path / "x.model"
    damaged.write_text("nothing")
    command = [sys.executable, "-m", "mlship.demo.model_server", "--model", str(damaged), "--port", "0"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0] == f"error: {damaged} is not a model file of the demo, or it is damaged"
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_a_clear_error(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Two servers on one port: the second says so and exits with 2."""
    assert main(["--train", "v1", "--port", str(server.port)]) == 2
    assert f"cannot listen on 127.0.0.1:{server.port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--train", "v1"], ["--port", "0"], ["--train", "v1", "--port", "0", "--error-rate", "2"]]
)
def test_wrong_options_are_refused(wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No port, no model, a share above one: usage, exit code 2."""
    monkeypatch.delenv("PORT", raising=False)

    with pytest.raises(SystemExit) as ended:
        main(wrong)

    assert ended.value.code == 2
