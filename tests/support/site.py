"""One service on the process driver, in a folder of its own, and users who talk to it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from msgspec.structs import replace

from mlship.clock import SystemClock
from mlship.dataplane.home import Home
from mlship.dataplane.life import Life, exit_code
from mlship.dataplane.upstream import Endpoint
from mlship.drivers.base import Opening
from mlship.drivers.process import ProcessDriver
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import Routing, all_to
from mlship.plan.rule import Rule, header_is
from tests.ports import free_port

SERVER = Path(__file__).with_name("model_server.py")
PATIENCE = 30.0
CLOCK = SystemClock()
EVERYWHERE = [Endpoint(port=port) for port in range(65_536)]
"""Every address that a replica of this machine may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a user got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def model(self) -> str:
        """The model that answered, as the router says."""
        return self.headers.get("x-mlship-variant", "")

    @property
    def told(self) -> dict[str, object]:
        """The model server's own words."""
        return dict(json.loads(self.body))

    @property
    def cookie(self) -> str:
        """The cookie to send from now on."""
        return self.headers.get("set-cookie", "").partition(";")[0]


def served(name: str, **asked: object) -> Model:
    """A model on the test server; `asked` are its faults, or fields of `Model`."""
    fields = {key: asked.pop(key) for key in list(asked) if key in Model.__struct_fields__}
    model = Model(
        name=name,
        command=(sys.executable, "-S", str(SERVER)),
        health=Health(within=20.0, timeout=2.0),
        drain=20.0,
        env={key.upper(): str(value) for key, value in asked.items()},
    )
    return replace(model, **fields)


def split(candidate: int, *, salt: str = "s", **more: object) -> Routing:
    """`candidate` basis points to v2, the rest to v1."""
    segments = tuple((model, width) for model, width in (("v2", candidate), ("v1", 10_000 - candidate)) if width)
    return replace(Routing(segments=segments, assign_by="x-user", salt=salt), **more)


def preview(model: str) -> tuple[Rule, ...]:
    """A rule that leads requests with `x-preview: yes` to `model`."""
    return (header_is("x-preview", "yes", model),)


def ask(
    port: int, path: str = "/predict", *, body: bytes | None = None, timeout: float = PATIENCE, **headers: str
) -> Answer:
    """One request to a port of this machine; underscores in header names become hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST" if body is not None else "GET", path, body=body, headers=sent)
        response = connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=lower, body=response.read())
    finally:
        connection.close()


@dataclass(kw_only=True)
class Site:
    """A service, its state folder, and the port of its router."""

    state: Path
    port: int = field(default_factory=free_port)
    models: dict[str, Model] = field(default_factory=dict)
    service: str = "scorer"

    def open(self, fence: int | None = 1, *, listen: str | None = None) -> ProcessDriver:
        """The service's driver."""
        return ProcessDriver(
            Opening(
                service=self.service,
                spec=DriverSpec(name="process", settings={"listen": listen or f"127.0.0.1:{self.port}"}),
                models=self.models,
                fence=fence,
                state=self.state,
                clock=CLOCK,
            )
        )

    def up(self, *models: Model, fence: int = 1) -> ProcessDriver:
        """The driver, with a replica of each model ready and everything routed to the first."""
        self.models |= {model.name: model for model in models}
        driver = self.open(fence)
        for model in models:
            driver.ensure(model.name, model.replicas)
        driver.route(all_to(models[0].name))
        return driver

    def ask(
        self, path: str = "/predict", *, body: bytes | None = None, timeout: float = PATIENCE, **headers: str
    ) -> Answer:
        """One request over a connection of its own; underscores in header names become hyphens."""
        return ask(self.port, path, body=body, timeout=timeout, **headers)

    def arms(self, users: int) -> dict[str, str]:
        """Which model each of so many users is given."""
        names = [f"user-{number}" for number in range(users)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda name: self.ask(x_user=name), names))
        assert {answer.status for answer in answers} == {200}
        return {name: answer.model for name, answer in zip(names, answers, strict=True)}

    @contextmanager
    def slow_requests(self, count: int, seconds: float) -> Iterator[Callable[[], list[int]]]:
        """So many requests under way that take `seconds`; call the result for their status codes."""
        with ThreadPoolExecutor(count) as pool:
            asked = [pool.submit(self.ask, x_delay=str(seconds), x_user=f"slow-{n}") for n in range(count)]
            yield lambda: [future.result().status for future in asked]

    @property
    def folder(self) -> Path:
        """The driver's own folder."""
        return self.state / "process" / self.service

    @property
    def router_pid(self) -> int:
        """Envoy's process id."""
        return int(json.loads((self.folder / "router" / "router.json").read_text())["life"]["pid"])

    def pids(self, model: str) -> list[int]:
        """Process ids of a model's replicas on record."""
        files = sorted((self.folder / "replicas").glob(f"{model}.*.json"))
        return [json.loads(file.read_text())["life"]["pid"] for file in files]

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        # The first thread of a process may be a zombie while others still hold its sockets: only reaping tells the end.
        until(lambda: not psutil.pid_exists(pid) or exit_code(Life(pid=pid, birth="")) is not None)

    def clear(self) -> None:
        """Kill whatever this site has started."""
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("MLSHIP_SITE") == str(self.state)
            except psutil.Error:
                continue
            if mine:
                process.kill()
        for folder in self.state.rglob("router"):
            shutil.rmtree(Home(folder=folder)._elsewhere().parent, ignore_errors=True)


def until(true: Callable[[], bool], *, patience: float = PATIENCE, pause: float = 0.02) -> None:
    """Wait for something to become true; `pause` is between two looks."""
    deadline = CLOCK.now() + patience
    while not true():
        assert CLOCK.now() < deadline, f"not in {patience:g} s"
        CLOCK.sleep(pause)
