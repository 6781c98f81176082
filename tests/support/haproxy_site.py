"""HAProxy in front of real model servers, configured by the very lines that `init` prints, and users who talk to it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlship.drivers.balancer.haproxy import HaproxyDriver
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.lines import (
    backend_lines,
    copies_frontend_lines,
    copies_lines,
    copies_script,
    frontend_lines,
    ring_lines,
)
from mlship.errors import MlshipError
from tests.engines import haproxy, need
from tests.ports import free_port
from tests.support import group
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import until

IDLE_CLOSE = "option idle-close-on-response"

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
    timeout check 2s
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
    copies: bool = False
    """With the script that copies requests."""
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
        sections = [head, ring_lines("mlship"), bound + frontend, backends, self.more]
        (self.folder / "haproxy.cfg").write_text("\n".join(self._copying(sections) if self.copies else sections))

    def _copying(self, sections: Sequence[str]) -> Sequence[str]:
        address, script = f"127.0.0.1:{free_port()}", self.folder / "copies.lua"
        script.write_text(copies_script(address=address))
        head, ring, users, *rest = sections
        head = head.replace("global\n", f"global\n    lua-load {script}\n")
        return [head, ring, users + copies_lines(), copies_frontend_lines(address=address), *rest]

    def _write_weights(self) -> None:
        head = _HEAD.format(socket=self.socket, level=self.level)
        head = head.replace("global\n", f"global\n    server-state-file {self.state_file}\n")
        head += "    load-server-state-from-file global\n"
        printed = frontend_lines(service="", default="").splitlines()
        shared = [line for line in printed if "log-format" in line or IDLE_CLOSE in line]
        users = ["frontend users", f"    bind 127.0.0.1:{self.port}", "    log ring@mlship local0", *shared]
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
            group.end(self.master)
            self.master = None


class HaproxySite(BalancedSite[Balancer]):
    """A service on driver `haproxy`."""

    make = "haproxy"
    driver = HaproxyDriver

    def front(self, folder: Path, **asked: object) -> Balancer:
        """A HAProxy in that folder, not started."""
        return Balancer(folder=folder, servers=self.addresses, service=self.service, **asked)  # type: ignore[arg-type]

    def told(self) -> dict[str, object]:
        """What a plan says of the HAProxy that there are."""
        nodes = [
            {"socket": each.socket, "map": str(each.map), "state-file": str(each.state_file)} for each in self.balancers
        ]
        return {"nodes": nodes, "ring": "mlship", "listen": f"127.0.0.1:{self.balancer.port}"}


@contextmanager
def haproxy_site() -> Iterator[HaproxySite]:
    """An empty site."""
    need("haproxy")
    with short_folder() as folder:
        site = HaproxySite(folder=folder)
        try:
            yield site
        finally:
            site.clear()


@contextmanager
def mapping() -> Iterator[HaproxySite]:
    """Layout map: v1 and v2, each in a backend of its own."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        yield site
