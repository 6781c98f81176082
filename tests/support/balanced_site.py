"""Balancers of any make in front of real model servers, as their owner runs them, and users who talk to them."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from msgspec.structs import replace

from mlship.clock import SystemClock
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.ledger import Ledger
from mlship.drivers.base import Opening
from mlship.drivers.ledgerfile import read_ledger
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.pool import Pool
from mlship.plan.routing import Routing, all_to
from tests.contracts.world import World
from tests.ports import free_port
from tests.support.balanced_load import Load
from tests.support.site import SERVER, Answer, ask, split

CLOCK = SystemClock()
BESIDE = 150.0
"""Requests per second beside the conformance suite, of which two tests run at once."""


class Front(Protocol):
    """One balancer: its owner starts and kills it, users ask it."""

    port: int

    def start(self) -> None:
        """Run it, until it answers."""
        ...

    def kill(self) -> None:
        """SIGKILL to all of its processes; nothing where none runs."""
        ...


class Opens(Protocol):
    """The class of a make's driver."""

    def __call__(self, opening: Opening) -> BalancerDriver: ...


F = TypeVar("F", bound=Front)


@dataclass(kw_only=True)
class BalancedSite(Generic[F]):
    """A service behind balancers: model servers, one balancer or more. A make says what a balancer of it is."""

    make: ClassVar[str]
    """The driver's key in a plan."""
    driver: ClassVar[Opens]

    folder: Path
    """Short: the path of a socket may have 107 letters at most."""
    models: dict[str, Model] = field(default_factory=dict)
    balancers: list[F] = field(default_factory=list)
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    service: str = "scorer"
    settings: dict[str, object] = field(default_factory=dict)
    """Overlay on those of the make."""

    def front(self, folder: Path, **asked: object) -> F:
        """A balancer in that folder, not started."""
        raise NotImplementedError

    def told(self) -> dict[str, object]:
        """What a plan says of the balancers that there are."""
        raise NotImplementedError

    def serve(self, name: str, *, sick: bool = False, **asked: str) -> None:
        """Start a model's server, as its owner does."""
        port = int(self.addresses.get(name, ":0").rpartition(":")[2]) or free_port()
        self.addresses[name] = f"127.0.0.1:{port}"
        health = Health(within=0.5 if sick else 20.0)
        self.models[name] = Model(name=name, health=health, pool=Pool(servers=(self.addresses[name],)))
        env = {**os.environ, "PORT": str(port), "MLSHIP_MODEL": name, **({"NEVER_READY": "1"} if sick else {}), **asked}
        self.started[name] = subprocess.Popen([sys.executable, "-S", str(SERVER)], env=env, stderr=subprocess.DEVNULL)

    def stop(self, name: str) -> None:
        """Kill a model's server."""
        self.started[name].kill()
        self.started[name].wait()

    def balance(self, count: int = 1, **asked: object) -> None:
        """Start so many balancers in front of all of them."""
        for _ in range(count):
            self.balancers.append(self.front(self.folder / f"lb{len(self.balancers)}", **asked))
            self.balancers[-1].start()

    @property
    def balancer(self) -> F:
        return self.balancers[0]

    def open(self, fence: int | None = 1, *, machine: str = "state", asked: Routing | None = None) -> BalancerDriver:
        """The service's driver; on another machine it has no files, and the journal says what was asked."""
        return self.driver(
            Opening(
                service=self.service,
                spec=DriverSpec(name=self.make, settings={**self.told(), **self.settings}),
                models=self.models,
                fence=fence,
                state=self.folder / machine,
                clock=CLOCK,
                asked=asked,
            )
        )

    def up(self, *models: str, fence: int = 1) -> BalancerDriver:
        """The driver, with these models ready and everything on the first."""
        driver = self.open(fence)
        for model in models:
            driver.ensure(model, 1)
        driver.route(all_to(models[0]))
        return driver

    def ask(self, path: str = "/predict", **headers: str) -> Answer:
        """One request of a user to the first balancer."""
        return ask(self.balancer.port, path, **headers)  # type: ignore[arg-type]

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
        answers = {f"user-{number}": self.ask(x_user=f"user-{number}") for number in range(users)}
        assert {answer.status for answer in answers.values()} == {200}
        return {name: answer.model for name, answer in answers.items()}

    def world(self) -> World:
        """For the conformance suite: users ask the first balancer, which its owner kills and starts."""

        def traffic() -> None:
            assert {self.ask().status for _ in range(20)} == {200}

        return World(
            open=self.open,
            traffic=traffic,
            kill_router=self.balancer.kill,
            revive_router=self.balancer.start,
            load=lambda: Load(port=self.balancer.port, rate=BESIDE),
        )

    def revive(self) -> None:
        """Start a balancer that forgets the split with a restart, and set it as recorded, as `doctor --repair` does."""
        self.balancer.start()
        recorded = read_ledger(self.folder / "state" / "balancer" / self.service, Ledger).set
        assert recorded
        self.open(1).insist(recorded.routing)

    def clear(self) -> None:
        """End everything."""
        for balancer in self.balancers:
            balancer.kill()
        for server in self.started.values():
            server.kill()
            server.wait()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mlship-lb-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drawn(share: int) -> Routing:
    """`share` basis points to v2, each request drawn anew."""
    return replace(split(share, salt=""), assign_by=None)
