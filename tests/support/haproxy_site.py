"""HAProxy in front of real model servers, configured by the very lines that `init` prints, and users who talk to it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlship.clock import SystemClock
from mlship.drivers.balancer.haproxy import HaproxyDriver
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, ring_lines
from mlship.drivers.base import Opening
from mlship.errors import MlshipError
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import all_to
from tests.engines import haproxy, need
from tests.ports import free_port
from tests.support.site import SERVER, Answer, ask, until

CLOCK = SystemClock()

_HEAD = """\
global
    stats socket {socket} mode 600 level {level}
    stats timeout 10s
    nbthread 2
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
"""


@dataclass(kw_only=True)
class Balancer:
    """One HAProxy, run by its master as in production, so that it can be reloaded."""

    folder: Path
    servers: Mapping[str, str]
    """Backend → address of its server."""
    service: str = "scorer"
    level: str = "admin"
    more: str = ""
    """Further lines of the configuration."""
    checked: bool = True
    weights: Sequence[str] = ()
    """Layout weights: the backend's lines instead of a backend per model."""
    port: int = field(default_factory=free_port)
    master: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.map.touch()
        self.state_file.touch()
        self.write()

    @property
    def socket(self) -> str:
        return str(self.folder / "admin.sock")

    @property
    def map(self) -> Path:
        return self.folder / "mlship.map"

    @property
    def state_file(self) -> Path:
        return self.folder / "state"

    @property
    def shares(self) -> dict[str, int]:
        """Server → its weight."""
        lines = [line.split() for line in self.api.ask("show servers state app").splitlines()]
        return {words[3]: int(words[7]) for words in lines if len(words) > 8 and words[0].isdigit()}

    @property
    def api(self) -> RuntimeApi:
        return RuntimeApi(address=self.socket)

    @property
    def entry(self) -> str | None:
        """The service's line of the live map."""
        lines = [line.split() for line in self.api.ask(f"show map {self.map}").splitlines() if line]
        return next((words[2] for words in lines if words[1] == self.service), None)

    def write(self) -> None:
        """The configuration file."""
        if self.weights:
            self._write_weights()
            return
        frontend = frontend_lines(
            service=self.service, default="v1", header="x-user", map_file=str(self.map), ring="mlship"
        )
        backends = backend_lines(self.servers).replace("inter 1s", "inter 100ms fall 2 rise 1")
        if not self.checked:
            backends = backends.replace(" check inter 100ms fall 2 rise 1", "")
        head = _HEAD.format(socket=self.socket, level=self.level)
        bound = f"frontend users\n    bind 127.0.0.1:{self.port}\n"
        (self.folder / "haproxy.cfg").write_text(
            "\n".join([head, ring_lines("mlship"), bound + frontend, backends, self.more])
        )

    def _write_weights(self) -> None:
        head = _HEAD.format(socket=self.socket, level=self.level)
        head = head.replace("global\n", f"global\n    server-state-file {self.state_file}\n")
        head += "    load-server-state-from-file global\n"
        log = next(line for line in frontend_lines(service="", default="").splitlines() if "log-format" in line)
        users = ["frontend users", f"    bind 127.0.0.1:{self.port}", "    log ring@mlship local0", log]
        users += ["    http-response set-header x-mlship-variant %s", "    default_backend app"]
        servers = [line.format(**self.servers) for line in self.weights]
        app = ["backend app", *(f"    {line}" for line in servers)]
        text = "\n".join([head, ring_lines("mlship"), *users, *app])
        (self.folder / "haproxy.cfg").write_text(f"{text}\n")

    def start(self) -> None:
        """Run it, until it answers."""
        program = haproxy()
        assert program
        words = [program, "-W", "-S", str(self.folder / "master.sock"), "-f", str(self.folder / "haproxy.cfg")]
        with (self.folder / "haproxy.log").open("ab") as log:
            self.master = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self.answers() and self.minds_signals())

    def minds_signals(self) -> bool:
        """The master has come to its loop; it forgets signals that come before."""
        with suppress(MlshipError):
            return "worker" in RuntimeApi(address=str(self.folder / "master.sock")).ask("show proc", "quit")
        return False

    def answers(self) -> bool:
        """Its socket does."""
        with suppress(MlshipError):
            return "Pid" in self.api.ask("show info")
        return False

    @property
    def pid(self) -> str:
        """Of the worker."""
        return next(line for line in self.api.ask("show info").splitlines() if line.startswith("Pid:"))

    def reload(self) -> None:
        """As `systemctl reload haproxy`: another worker takes over."""
        assert self.master
        before = self.pid
        self.master.send_signal(signal.SIGUSR2)
        until(lambda: self.answers() and self.pid != before and self.minds_signals())

    def kill(self) -> None:
        """SIGKILL to the master and its workers."""
        if self.master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.master.pid, signal.SIGKILL)
            self.master.wait()
            self.master = None

    def ask(self, path: str = "/predict", **headers: str) -> Answer:
        """One request of a user."""
        return ask(self.port, path, **headers)  # type: ignore[arg-type]


@dataclass(kw_only=True)
class HaproxySite:
    """A service on driver `haproxy`: model servers, one HAProxy or more."""

    folder: Path
    """Short: the path of a socket may have 107 letters at most."""
    models: dict[str, Model] = field(default_factory=dict)
    balancers: list[Balancer] = field(default_factory=list)
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    service: str = "scorer"
    settings: dict[str, object] = field(default_factory=dict)

    def serve(self, name: str, *, sick: bool = False, **asked: str) -> None:
        """Start a model's server, as its owner does."""
        port = int(self.addresses.get(name, ":0").rpartition(":")[2]) or free_port()
        self.addresses[name] = f"127.0.0.1:{port}"
        health = Health(within=0.5 if sick else 20.0)
        self.models[name] = Model(name=name, health=health)
        env = {**os.environ, "PORT": str(port), "MLSHIP_MODEL": name, **({"NEVER_READY": "1"} if sick else {}), **asked}
        self.started[name] = subprocess.Popen([sys.executable, "-S", str(SERVER)], env=env, stderr=subprocess.DEVNULL)

    def stop(self, name: str) -> None:
        """Kill a model's server."""
        self.started[name].kill()
        self.started[name].wait()

    def balance(self, count: int = 1, **asked: object) -> None:
        """Start so many HAProxy in front of all of them."""
        for _ in range(count):
            folder = self.folder / f"lb{len(self.balancers)}"
            self.balancers.append(Balancer(folder=folder, servers=self.addresses, service=self.service, **asked))  # type: ignore[arg-type]
            self.balancers[-1].start()

    @property
    def balancer(self) -> Balancer:
        return self.balancers[0]

    def open(self, fence: int | None = 1) -> HaproxyDriver:
        """The service's driver."""
        nodes = [
            {"socket": each.socket, "map": str(each.map), "state-file": str(each.state_file)} for each in self.balancers
        ]
        settings = {"nodes": nodes, "ring": "mlship", "listen": f"127.0.0.1:{self.balancer.port}", **self.settings}
        return HaproxyDriver(
            Opening(
                service=self.service,
                spec=DriverSpec(name="haproxy", settings=settings),
                models=self.models,
                fence=fence,
                state=self.folder / "state",
                clock=CLOCK,
            )
        )

    def up(self, *models: str, fence: int = 1) -> HaproxyDriver:
        """The driver, with these models ready and everything on the first."""
        driver = self.open(fence)
        for model in models:
            driver.ensure(model, 1)
        driver.route(all_to(models[0]))
        return driver

    def shares(self, requests: int) -> Counter[str]:
        """How many of so many requests without a user each model answers, over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.balancer.port, timeout=10)
        found: Counter[str] = Counter()
        for _ in range(requests):
            connection.request("GET", "/predict")
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            found[response.headers["x-mlship-variant"]] += 1
        connection.close()
        return found

    def arms(self, users: int) -> dict[str, str]:
        """Which model each of so many users is given."""
        answers = {f"user-{number}": self.balancer.ask(x_user=f"user-{number}") for number in range(users)}
        assert {answer.status for answer in answers.values()} == {200}
        return {name: answer.model for name, answer in answers.items()}

    def clear(self) -> None:
        """End everything."""
        for balancer in self.balancers:
            balancer.kill()
        for server in self.started.values():
            server.kill()
            server.wait()


@contextmanager
def haproxy_site() -> Iterator[HaproxySite]:
    """An empty site."""
    need("haproxy")
    folder = Path(tempfile.mkdtemp(prefix="mlship-ha-", dir="/tmp"))
    site = HaproxySite(folder=folder)
    try:
        yield site
    finally:
        site.clear()
        shutil.rmtree(folder, ignore_errors=True)
