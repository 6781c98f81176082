"""Where a journal lies: one folder of this machine, or a bucket that a team shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mlship.journal.entry import Entry
from mlship.journal.lease import Lease


class Archive(Protocol):
    """Entries in order, to be read as the tables of `journal/database.py`.

    Every method raises `JournalUnavailable` where it cannot be read or written.
    """

    def refresh(self, service: str) -> None:
        """Bring in what others have written about a service."""
        ...

    def rows(self, query: str, *, service: str, **values: object) -> list[Any]:
        """What a query finds of all that was brought in."""
        ...

    def services(self) -> tuple[str, ...]:
        """Every service that has a rollout, by name."""
        ...

    def add(self, service: str, decide: Callable[[], Entry | None]) -> int:
        """Write what `decide` makes of all the entries before it; its number, 0 for None.

        `decide` may be asked again, where somebody else's entry came first.
        """
        ...

    def beat(self, lease: Lease, check: Callable[[], None], *, now: float) -> None:
        """Leave a sign of life of the holder; `check` raises where the lease, by all that is written, is lost."""
        ...

    def silence(self, lease: Lease, *, renewed: float, now: float) -> float:
        """Seconds since the last sign of life of a lease; `renewed` is that of its row."""
        ...

    def close(self) -> None:
        """Let go of it; the next use opens it again."""
        ...
