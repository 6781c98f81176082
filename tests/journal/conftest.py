from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.journal.holder import Holder, this_process
from mlship.journal.lease import Lease
from mlship.journal.store import Journal


@pytest.fixture
def clock() -> ManualClock:
    """Time that moves only when somebody sleeps."""
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder that is not there yet."""
    return tmp_path / "state"


@pytest.fixture
def journal(folder: Path, clock: ManualClock) -> Iterator[Journal]:
    """A journal that has not been written to."""
    with Journal(folder, clock, patience=0.05) as journal:
        yield journal


@pytest.fixture
def me() -> Holder:
    """This process."""
    return this_process()


@pytest.fixture
def lease(journal: Journal, me: Holder) -> Lease:
    """The right to change the service `fraud` in rollout r1."""
    return journal.leases.acquire("fraud", me, rollout="r1")
