"""An Apache httpd, an nghttpx and servers that somebody else runs, by the shipped templates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.contracts.world import World
from tests.support.rest_site import apache_site, nghttpx_site


@contextmanager
def rest(folder: Path) -> Iterator[World]:
    """Apache keeps its weights when it is stopped in order, as a service manager does."""
    with apache_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance()
        yield replace(site.world(), kill_router=site.balancer.stop)


@contextmanager
def nghttpx(folder: Path) -> Iterator[World]:
    """nghttpx tells nothing, so that users' answers show what it has; and forgets it with a restart."""
    with nghttpx_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance()
        yield replace(site.world(), revive_router=site.revive)
