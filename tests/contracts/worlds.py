"""Where each driver is tested. A new driver adds a function that yields a World, and its name to `WORLDS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.clock import Clock, ManualClock
from mlship.drivers.base import Driver, Opening
from mlship.drivers.memory import MemoryDriver
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.pool import Pool
from tests.engines import need
from tests.support.docker_site import contained, docker_site
from tests.support.haproxy_site import haproxy_site
from tests.support.site import Site, served


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A backend with three models: v1 and v2 are sound, `sick` never passes its health check."""

    open: Callable[[int | None], Driver]
    """The service's driver with that fencing number."""
    traffic: Callable[[], None]
    """Let users send some requests."""
    kill_router: Callable[[], None]
    revive_router: Callable[[], None] = lambda: None
    """Start it again, where that is its owner's business and not the driver's."""


@contextmanager
def memory(folder: Path) -> Iterator[World]:
    """The made-up world."""
    clock = ManualClock()
    models = {name: Model(name=name) for name in ("v1", "v2")}
    models["sick"] = Model(name="sick", health=Health(within=1.0), faults={"never-ready": True})

    def opened(fence: int | None) -> MemoryDriver:
        return MemoryDriver(_opening("memory", models, fence, folder, clock))

    yield World(open=opened, traffic=lambda: clock.sleep(1.0), kill_router=lambda: opened(None).kill_router())


@contextmanager
def process(folder: Path) -> Iterator[World]:
    """This machine."""
    need("envoy")
    sick = served("sick", never_ready=1, health=Health(within=0.5))
    site = Site(state=folder, models={"v1": served("v1"), "v2": served("v2"), "sick": sick})

    def traffic() -> None:
        assert {site.ask().status for _ in range(20)} == {200}

    yield World(open=site.open, traffic=traffic, kill_router=lambda: site.kill(site.router_pid))
    site.clear()


@contextmanager
def docker(folder: Path) -> Iterator[World]:
    """The Docker daemon at hand."""
    with docker_site(folder) as site:
        sick = contained("sick", never_ready=1, health=Health(within=0.5))
        site.models |= {"v1": contained("v1"), "v2": contained("v2"), "sick": sick}

        def traffic() -> None:
            assert {site.ask().status for _ in range(20)} == {200}

        yield World(open=site.open, traffic=traffic, kill_router=lambda: site.kill("router"))


@contextmanager
def haproxy(folder: Path) -> Iterator[World]:
    """An HAProxy and servers that somebody else runs."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance()

        def traffic() -> None:
            assert {site.balancer.ask().status for _ in range(20)} == {200}

        yield World(open=site.open, traffic=traffic, kill_router=site.balancer.kill, revive_router=site.balancer.start)


@contextmanager
def haproxy_weights(folder: Path) -> Iterator[World]:
    """The same with the servers of all models in one backend."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        check = "check inter 100ms fall 2 rise 1"
        servers = [f"server {name} {{{name}}} weight {weight} {check}" for name, weight in WEIGHTS.items()]
        site.balance(weights=["balance roundrobin", "option httpchk GET /v2/health/ready", *servers])
        site.settings = {"layout": "weights", "backend": "app"}
        site.models = {name: replace(model, pool=Pool(servers=(name,))) for name, model in site.models.items()}

        def traffic() -> None:
            assert {site.balancer.ask().status for _ in range(20)} == {200}

        yield World(open=site.open, traffic=traffic, kill_router=site.balancer.kill, revive_router=site.balancer.start)


WEIGHTS = {"v1": 100, "v2": 0, "sick": 0}
"""As the configuration has them."""

WORLDS = {
    "memory": memory,
    "process": process,
    "docker": docker,
    "haproxy": haproxy,
    "haproxy-weights": haproxy_weights,
}
MARKS = {
    "process": pytest.mark.envoy,
    "docker": pytest.mark.docker,
    "haproxy": pytest.mark.haproxy,
    "haproxy-weights": pytest.mark.haproxy,
}


def _opening(driver: str, models: dict[str, Model], fence: int | None, state: Path, clock: Clock) -> Opening:
    spec = DriverSpec(name=driver)
    return Opening(service="scorer", spec=spec, models=models, fence=fence, state=state, clock=clock)
