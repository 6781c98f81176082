"""Fixtures of the test packages that start real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import need
from tests.support.site import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A service of the test's own; nothing of it is left when the test ends."""
    need("envoy")
    place = Site(state=tmp_path)
    monkeypatch.setenv("MLSHIP_SITE", str(tmp_path))
    try:
        yield place
    finally:
        place.clear()
