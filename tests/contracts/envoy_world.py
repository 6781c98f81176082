"""An Envoy and servers that somebody else runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.contracts.world import World
from tests.support.envoy_site import envoy_site


@contextmanager
def envoy(folder: Path) -> Iterator[World]:
    """An Envoy that forgets the split with a restart: its owner has it set as recorded, as `doctor --repair` does."""
    with envoy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.serve("sick", sick=True)
        site.balance()
        yield replace(site.world(), revive_router=site.revive)
