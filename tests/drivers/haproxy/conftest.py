"""Two models behind one HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mlship.plan.routing import Routing
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import split


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """v1 and v2, each in a backend of its own."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened


def drawn(share: int) -> Routing:
    """`share` basis points to v2, each request drawn anew."""
    return replace(split(share, salt=""), assign_by=None)
