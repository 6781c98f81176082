"""Where a journal can lie: what is promised of it holds in each."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Protocol

from mlship.clock import ManualClock
from mlship.journal.store import Journal
from tests.support.s3 import Store


class Home(Protocol):
    """One place of journals."""

    where: str
    """What `MLSHIP_STATE` would be."""
    tick: float
    """Seconds by which a lease may count longer than its ttl."""

    def open(self) -> Journal:
        """The journal there, as another process sees it."""
        ...


class InFile:
    """A folder of this machine."""

    tick = 0.001

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.where = str(folder)
        self._folder, self._clock = folder, clock

    def open(self) -> Journal:
        return Journal(self._folder, self._clock, patience=0.05)


class InS3:
    """A bucket, whose time is that of the test; each journal is that of another machine."""

    tick = 2.0

    def __init__(self, store: Store, folder: Path, clock: ManualClock) -> None:
        self.where = store.url
        self.store = store
        self._folder, self._clock, self._machines = folder, clock, count()
        store.clock = clock

    def open(self) -> Journal:
        return self.store.journal(self._folder / f"machine-{next(self._machines)}", self._clock)
