"""Two models behind one Caddy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.caddy_site import CaddySite, caddy_site


@pytest.fixture
def site() -> Iterator[CaddySite]:
    """v1 and v2, a server each."""
    with caddy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened
