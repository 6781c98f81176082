"""A place of its own for one service: state folder, port, plans, users, and every process that belongs to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.ports import free_port

MODEL = Path(__file__).with_name("model.py")
PATIENCE = 60.0


class Site:
    """One service on the process driver, worked on by the real command line."""

    threads = 3
    """Users who ask at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.port = free_port()
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {**os.environ, "MLSHIP_STATE": str(self.state), "NO_COLOR": "1", "COLUMNS": "200"}

    def plan(self, stages: str, *, v1: Sequence[str] = (), v2: Sequence[str] = (), more: str = "") -> Path:
        """A plan from v1 to v2; `v1` and `v2` are the faults of the models."""
        file = self.folder / "plan.yaml"
        file.write_text(
            f"version: 1\nservice: scorer\ndriver: {{ process: {{ listen: '127.0.0.1:{self.port}' }} }}\n"
            f"models:\n  v1: {self._model('v1', v1)}\n  v2: {self._model('v2', v2)}\nlive: v1\n"
            f"look-every: 300ms\n{more}stages:\n{stages}"
        )
        return file

    def _model(self, name: str, faults: Sequence[str]) -> str:
        command = [sys.executable, "-S", str(MODEL), "--port", "{port}", "--name", name, *faults]
        return json.dumps(
            {"command": command, "drain": "5s", "timeout": "3s", "health": {"path": "/v2/health/ready", "within": "6s"}}
        )

    def mlship(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mlship", *map(str, words)],
            env=self.environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """One command, in the background; its output is in `output`."""
        self.output = self.folder / f"out-{time.monotonic_ns()}.txt"
        with self.output.open("w") as sink:
            started = subprocess.Popen(
                [sys.executable, "-m", "mlship", *map(str, words)],
                env=self.environment, stdout=sink, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        self.started.append(started)
        return started

    def deploy(self, plan: Path) -> subprocess.CompletedProcess[str]:
        """`mlship deploy --yes`."""
        return self.mlship("deploy", plan, "--yes", "--output", "plain")

    def bring_up(self, plan: Path) -> None:
        """The live model of the plan alone, with all the traffic."""
        text, _, _ = plan.read_text().partition("stages:")
        alone = self.folder / "alone.yaml"
        kept = [line for line in text.splitlines(keepends=True) if not line.startswith("  v2:")]
        alone.write_text("".join([*kept, "stages: []\n"]))
        brought = self.deploy(alone)
        assert brought.returncode == 0, brought.stderr

    def status(self) -> dict[str, object]:
        """`mlship status --json`."""
        ran = self.mlship("status", "scorer", "--json")
        assert ran.returncode == 0, ran.stderr
        return dict(json.loads(ran.stdout)[0])

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        until = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < until, f"not in {PATIENCE:g} s"
            time.sleep(0.05)

    def until_share(self, model: str) -> None:
        """Wait until `model` answers some of the users."""
        self.until(lambda: self.ask() == model)

    def ask(self, headers: dict[str, str] | None = None) -> str:
        """Which model answers one request; its status code if it fails, "" if nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/predict", headers=headers or {})
            response = connection.getresponse()
            body = response.read()
            return str(json.loads(body)["model"]) if response.status == 200 else str(response.status)
        except OSError:
            return ""
        finally:
            connection.close()

    @contextmanager
    def users(self, rate: float = 60.0) -> Iterator[Counter[str]]:
        """Steady requests in the background; counts answers per model, per bad status, and "" for none."""
        answers: Counter[str] = Counter()
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(self.threads / rate):
                answers[self.ask()] += 1

        workers = [threading.Thread(target=work) for _ in range(self.threads)]
        for worker in workers:
            worker.start()
        try:
            yield answers
        finally:
            stop.set()
            for worker in workers:
                worker.join()

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Everything that runs on behalf of this site and has `word` in its command line."""
        mine = []
        for process in psutil.process_iter(["pid", "cmdline"]):
            try:
                if process.pid != os.getpid() and process.environ().get("MLSHIP_STATE") == str(self.state):
                    mine.append(process)
            except psutil.Error:
                continue
        return [process for process in mine if word in " ".join(process.info["cmdline"] or ())]

    def kill(self, word: str) -> None:
        """kill -9 every process of this site with `word` in its command line."""
        for process in self.processes(word):
            process.send_signal(signal.SIGKILL)

    def clear(self) -> None:
        """Leave nothing behind."""
        self.kill("")
        for process in self.started:
            process.wait()
