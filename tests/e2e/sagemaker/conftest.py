"""An account and a service; tests of what goes wrong need the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sagemaker.place import REAL, Emulator, Place, emulator_process, hosted


@pytest.fixture(scope="session")
def account() -> Iterator[Emulator | None]:
    """None: a real one."""
    if REAL:
        yield None
        return
    with emulator_process() as emulator:
        yield emulator


@pytest.fixture
def place(account: Emulator | None, tmp_path: Path) -> Iterator[Place]:
    """An account without anything of the service."""
    with hosted(account, tmp_path) as opened:
        yield opened


@pytest.fixture
def aws(place: Place) -> Emulator:
    """What orders trouble."""
    if place.emulator is None:
        pytest.skip("a real account has no trouble on order")
    return place.emulator
