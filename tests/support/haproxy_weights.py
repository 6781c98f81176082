"""An HAProxy with the servers of all models in one backend, as layout `weights` takes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.plan.pool import Pool
from tests.support.haproxy_site import HaproxySite, haproxy_site

CHECK = "check inter 100ms fall 2 rise 1"
POOLS = {"v1": ("v1a", "v1b"), "v2": ("v2",)}
V1 = {"v1a": 256, "v1b": 256, "v2": 0}


@contextmanager
def weighing(*lines: str, count: int = 1, level: str = "admin") -> Iterator[HaproxySite]:
    """Two servers of v1 and one of v2, whose weight is 0 in the configuration."""
    with haproxy_site() as site:
        for name in ("v1a", "v1b", "v2"):
            site.serve(name)
        servers = [
            f"server {name} {{{name}}} weight {weight} {CHECK}"
            for name, weight in (("v1a", 100), ("v1b", 100), ("v2", 0))
        ]
        site.balance(count, weights=[*(lines or ("balance roundrobin",)), *servers], level=level)
        health = site.models["v2"].health
        model = site.models["v2"]
        site.models = {
            name: replace(model, name=name, health=health, pool=Pool(servers=names)) for name, names in POOLS.items()
        }
        site.settings = {"layout": "weights", "backend": "app"}
        yield site


def up(site: HaproxySite, fence: int = 1) -> BalancerDriver:
    """Both models up, everything on v1."""
    return site.up("v1", "v2", fence=fence)


def reconfigured(site: HaproxySite, before: str, after: str) -> None:
    """Its owner edits the configuration and reloads."""
    file = site.balancer.folder / "haproxy.cfg"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after, 1))
    site.balancer.reload()


def state_of(site: HaproxySite, server: str) -> tuple[int, int, int]:
    """Operational state, administrative state and weight of a server, in HAProxy's numbers."""
    lines = [line.split() for line in site.balancer.api.ask("show servers state app").splitlines()]
    return next((int(w[5]), int(w[6]), int(w[7])) for w in lines if len(w) > 8 and w[3] == server)
