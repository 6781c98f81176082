"""Two models behind one HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.haproxy_site import HaproxySite, haproxy_site


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """v1 and v2, each in a backend of its own."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened
