"""A fresh world of each driver for each promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.world import World
from tests.contracts.worlds import MARKS, WORLDS


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in WORLDS])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One backend, with nothing on it."""
    monkeypatch.setenv("MLSHIP_SITE", str(tmp_path))
    with WORLDS[request.param](tmp_path) as opened:
        yield opened
