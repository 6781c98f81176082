"""Where each driver is tested. A new driver adds a function that yields a World, and its name to `WORLDS`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlship.clock import Clock, ManualClock
from mlship.drivers.base import Opening
from mlship.drivers.memory import MemoryDriver
from mlship.plan.model import DriverSpec, Health, Model
from tests.contracts.alb_world import alb
from tests.contracts.caddy_world import caddy
from tests.contracts.envoy_world import envoy
from tests.contracts.haproxy_world import haproxy, haproxy_weights
from tests.contracts.nginx_world import nginx
from tests.contracts.rest_world import nghttpx, rest
from tests.contracts.sagemaker_world import sagemaker
from tests.contracts.traefik_world import traefik
from tests.contracts.world import World
from tests.engines import need
from tests.support.docker_site import contained, docker_site
from tests.support.site import Site, served


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


WORLDS = {
    "memory": memory,
    "process": process,
    "docker": docker,
    "caddy": caddy,
    "envoy": envoy,
    "haproxy": haproxy,
    "haproxy-weights": haproxy_weights,
    "sagemaker": sagemaker,
    "nginx": nginx,
    "traefik": traefik,
    "alb": alb,
    "rest": rest,
    "rest-nghttpx": nghttpx,
}
MARKS = {
    "process": pytest.mark.envoy,
    "docker": pytest.mark.docker,
    "caddy": pytest.mark.caddy,
    "envoy": pytest.mark.envoy,
    "haproxy": pytest.mark.haproxy,
    "haproxy-weights": pytest.mark.haproxy,
    "nginx": pytest.mark.nginx,
    "traefik": pytest.mark.traefik,
    "rest": pytest.mark.apache,
    "rest-nghttpx": pytest.mark.nghttpx,
}


def _opening(driver: str, models: dict[str, Model], fence: int | None, state: Path, clock: Clock) -> Opening:
    spec = DriverSpec(name=driver)
    return Opening(service="scorer", spec=spec, models=models, fence=fence, state=state, clock=clock)
