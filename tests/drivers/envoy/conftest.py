"""Two models behind one Envoy that is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.envoy_site import EnvoySite, envoy_site


@pytest.fixture
def site() -> Iterator[EnvoySite]:
    """v1 and v2, each in a cluster of its own."""
    with envoy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened
