"""nghttpx and Apache httpd in front of real model servers, by the configurations and templates that are shipped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import psutil
import yaml
from msgspec.structs import replace

from mlship.drivers.balancer.rest import RestDriver
from mlship.plan.pool import Pool
from mlship.plan.routing import all_to
from tests.engines import apache, need, nghttpx
from tests.ports import free_port
from tests.support import group
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import ask, until

P = TypeVar("P", bound="Program")
SHIPPED = Path(__file__).parents[2] / "plans" / "balancers"


@dataclass(kw_only=True)
class Program:
    """A balancer that is one program with a file of its shipped configuration."""

    name: ClassVar[str]

    folder: Path
    servers: Mapping[str, str]
    """Model → address of its server; the first serves until mlship has set something."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.write((SHIPPED / f"rest-{self.name}.conf").read_text("utf-8"))

    @property
    def conf(self) -> Path:
        return self.folder / f"{self.name}.conf"

    @property
    def users(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of its API."""
        raise NotImplementedError

    def write(self, shipped: str) -> None:
        """The configuration, with this site's addresses."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def start(self) -> None:
        """Run it, until it answers users."""
        with (self.folder / "out.txt").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        until(self.answers)

    def answers(self) -> bool:
        """A user is answered."""
        with suppress(OSError):
            return ask(self.port).status == 200
        return False

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        self.end(signal.SIGKILL)

    def stop(self) -> None:
        """As a service manager stops it."""
        self.end(signal.SIGTERM)

    @property
    def runs(self) -> bool:
        """It was started, and not ended."""
        return self.process is not None

    def end(self, how: signal.Signals) -> None:
        """Send all of its processes a signal, and wait until they have ended."""
        if self.process is not None:
            group.end(self.process, how)
            self.process = None


@dataclass(kw_only=True)
class Nghttpx(Program):
    """One nghttpx."""

    name = "nghttpx"
    api: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    def write(self, shipped: str) -> None:
        first = next(iter(self.servers.values())).rpartition(":")[2]
        text = shipped.replace("8080", str(self.port)).replace("8081", str(self.api)).replace("9001", first)
        self.conf.write_text(text.replace("/tmp/mlship-nghttpx", str(self.folder)))

    def command(self) -> list[str]:
        return [nghttpx() or "", f"--conf={self.conf}", "--workers=1"]

    def reload(self) -> None:
        """As `systemctl reload nghttpx`: a child with the configuration takes over, and begins to answer before."""
        assert self.process
        before = self.children
        os.kill(self.process.pid, signal.SIGHUP)
        until(lambda: bool(self.children) and not self.children & before and self.answers())

    @property
    def children(self) -> set[int]:
        """Those who answer; one that ends is among them while it has requests."""
        assert self.process
        return {child.pid for child in psutil.Process(self.process.pid).children()}


@dataclass(kw_only=True)
class Apache(Program):
    """One Apache httpd."""

    name = "apache"

    @property
    def url(self) -> str:
        return self.users

    def write(self, shipped: str) -> None:
        (before, _, _), (_, _, after) = shipped.partition("  BalancerMember"), shipped.rpartition("retry=1\n")
        first, *others = self.servers.values()
        members = [f"http://{first} loadfactor=100", *(f"http://{other} loadfactor=1 status=+D" for other in others)]
        lines = "".join(f"  BalancerMember {member} retry=1\n" for member in members)
        self.conf.write_text(f"{before}{lines}{after}".replace("8080", str(self.port)))

    def command(self) -> list[str]:
        return [apache() or "", "-d", str(self.folder), "-f", str(self.conf), "-DFOREGROUND"]

    def reload(self) -> None:
        """As `apachectl graceful`: the configuration is read anew, requests under way are finished."""
        assert self.process
        before = self.lives
        self.process.send_signal(signal.SIGUSR1)
        until(lambda: self.lives > before and self.answers())

    @property
    def lives(self) -> int:
        """How often it has read its configuration."""
        return (self.folder / "error.log").read_text("utf-8").count("resuming normal operations")

    @property
    def nonce(self) -> str:
        """What a change of it has to name."""
        return ask(self.port, "/balancer-manager").body.decode().partition("nonce=")[2][:36]

    def manage(self, server: str, **fields: str) -> int:
        """A person at its page; the status of the answer."""
        from urllib.parse import urlencode

        form = {"b": "app", "w": f"http://{server}", "nonce": self.nonce, **fields}
        referer = f"{self.url}/balancer-manager"
        return ask(self.port, "/balancer-manager", body=urlencode(form).encode(), referer=referer).status


@dataclass(kw_only=True)
class RestSite(BalancedSite[P]):
    """A service on driver `rest`, by the templates of a shipped plan."""

    make = "rest"
    driver = RestDriver
    plan: ClassVar[str]

    def serve(self, name: str, *, sick: bool = False, **asked: str) -> None:
        """Start a model's server, whose answers say who they are of: nghttpx does not."""
        super().serve(name, sick=sick, SIGNED="1", **asked)
        self.models[name] = replace(self.models[name], pool=Pool(servers=(self.addresses[name],)))

    def anew(self) -> None:
        """As if mlship had never been here: for the next test. Balancers that were ended run again."""
        self.settings = {}
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        for name in [*self.models][2:]:
            self.stop(name)
            for kept in (self.models, self.addresses, self.started):
                del kept[name]
        for balancer in self.balancers:
            if not balancer.runs:
                balancer.start()
        self.open().insist(all_to("v1"))
        shutil.rmtree(self.folder / "state")

    @property
    def templates(self) -> dict[str, Any]:
        """The driver's settings in the shipped plan."""
        document = yaml.safe_load((SHIPPED / f"rest-{self.plan}.yaml").read_text("utf-8"))
        return dict(document["driver"]["rest"])


class NghttpxSite(RestSite[Nghttpx]):
    """Behind nghttpx."""

    plan = "nghttpx"

    def front(self, folder: Path, **asked: object) -> Nghttpx:
        """One in that folder, not started."""
        return Nghttpx(folder=folder, servers=self.addresses, **asked)  # type: ignore[arg-type]

    def told(self) -> dict[str, object]:
        """The shipped templates, for these nghttpx."""
        nodes = [{"url": each.url, "users": each.users} for each in self.balancers]
        probe = {**self.templates["probe"], "path": "/predict", "who": "model", "requests": 40}
        return {**self.templates, "nodes": nodes, "probe": probe, "verify": {"within": "1s"}}


class ApacheSite(RestSite[Apache]):
    """Behind Apache httpd."""

    plan = "apache"

    def front(self, folder: Path, **asked: object) -> Apache:
        """One in that folder, not started."""
        return Apache(folder=folder, servers=self.addresses, **asked)  # type: ignore[arg-type]

    def told(self) -> dict[str, object]:
        """The shipped templates, for these Apache."""
        return {
            **self.templates,
            "nodes": [{"url": each.url} for each in self.balancers],
            "verify": {"within": "500ms"},
        }


@contextmanager
def nghttpx_site() -> Iterator[NghttpxSite]:
    """An empty site."""
    need("nghttpx")
    with short_folder() as folder:
        site = NghttpxSite(folder=folder)
        try:
            yield site
        finally:
            site.clear()


@contextmanager
def apache_site() -> Iterator[ApacheSite]:
    """An empty site."""
    need("apache")
    with short_folder() as folder:
        folder.chmod(0o755)
        site = ApacheSite(folder=folder)
        try:
            yield site
        finally:
            site.clear()
