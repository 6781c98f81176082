"""An HAProxy and servers that somebody else runs, in both layouts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from mlship.plan.pool import Pool
from tests.contracts.world import World
from tests.support.haproxy_site import haproxy_site


@contextmanager
def haproxy(folder: Path) -> Iterator[World]:
    """An HAProxy and servers that somebody else runs."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance(copies=True)
        site.settings = {"mirror": True}
        yield site.world()


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
        yield site.world()


WEIGHTS = {"v1": 100, "v2": 0, "sick": 0}
"""As the configuration has them."""
