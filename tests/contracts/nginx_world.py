"""An nginx and servers that somebody else runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.world import World
from tests.support.nginx_site import nginx_site


@contextmanager
def nginx(folder: Path) -> Iterator[World]:
    """An nginx and servers that somebody else runs."""
    with nginx_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance(patience="1s")
        site.settings = {"mirror": True}
        yield site.world()
