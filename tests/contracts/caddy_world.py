"""A Caddy and servers that somebody else runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.world import World
from tests.support.caddy_site import caddy_site


@contextmanager
def caddy(folder: Path) -> Iterator[World]:
    """A Caddy and servers that somebody else runs."""
    with caddy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance()
        yield site.world()
