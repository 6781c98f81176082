"""A site per test, cleared away whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Site
from tests.engines import need


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One service on the process driver."""
    need("envoy")
    place = Site(tmp_path)
    try:
        yield place
    finally:
        place.clear()
