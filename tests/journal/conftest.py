from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.journal.holder import Holder, this_process
from mlship.journal.lease import Lease
from mlship.journal.store import Journal
from tests.journal.homes import Home, InFile, InS3
from tests.support.stores import s3, store

__all__ = ["s3", "store"]


@pytest.fixture
def clock() -> ManualClock:
    """Time that moves only when somebody sleeps."""
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder that is not there yet."""
    return tmp_path / "state"


@pytest.fixture(params=["file", "s3"])
def home(request: pytest.FixtureRequest, folder: Path, clock: ManualClock) -> Home:
    """Each place that a journal can lie in."""
    if request.param == "file":
        return InFile(folder, clock)
    return InS3(request.getfixturevalue("store"), folder, clock)


@pytest.fixture
def journal(home: Home) -> Iterator[Journal]:
    """A journal that has not been written to."""
    with closing(home.open()) as journal:
        yield journal


@pytest.fixture
def me() -> Holder:
    """This process."""
    return this_process()


@pytest.fixture
def lease(journal: Journal, me: Holder) -> Lease:
    """The right to change the service `fraud` in rollout r1."""
    return journal.leases.acquire("fraud", me, rollout="r1")
