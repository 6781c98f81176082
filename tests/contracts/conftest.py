"""A fresh world of each driver for each promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.world import World
from tests.contracts.worlds import MARKS, WORLDS


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in WORLDS])
def calm(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One backend, with nothing on it, and only the users that a test has."""
    monkeypatch.setenv("MLSHIP_SITE", str(tmp_path))
    with WORLDS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def world(calm: World) -> Iterator[World]:
    """The same; before balancers are users who go on asking, whatever is done to it."""
    with calm.load():
        yield calm
