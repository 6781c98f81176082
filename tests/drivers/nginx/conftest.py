"""Two models behind one nginx."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.nginx_site import NginxSite, nginx_site


@pytest.fixture
def site() -> Iterator[NginxSite]:
    """v1 and v2, each in an upstream of its own."""
    with nginx_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened
