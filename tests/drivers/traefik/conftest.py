"""Two models behind one Traefik."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.traefik_site import TraefikSite, traefik_site


@pytest.fixture
def site() -> Iterator[TraefikSite]:
    """v1 and v2, each a service of its own."""
    with traefik_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened
