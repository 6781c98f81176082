"""Two models behind one HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.haproxy_site import HaproxySite, mapping
from tests.support.haproxy_weights import weighing


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """v1 and v2, each in a backend of its own."""
    with mapping() as opened:
        yield opened


@pytest.fixture(params=[mapping, weighing], ids=["map", "weights"])
def either(request: pytest.FixtureRequest) -> Iterator[HaproxySite]:
    """Once in layout map, once in layout weights."""
    with request.param() as opened:
        yield opened
