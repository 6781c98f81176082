"""An Application Load Balancer of moto's: its API, and nothing behind it, so there is no traffic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.world import World
from tests.support.alb_site import alb_site


@contextmanager
def alb(folder: Path) -> Iterator[World]:
    """Its router dies and comes back as AWS's API does."""
    with alb_site(folder) as site:
        yield World(
            open=site.open,
            traffic=lambda: None,
            kill_router=site.account.stop,
            revive_router=site.account.start,
        )
