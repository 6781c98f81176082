"""The right to change a service, and the heartbeat that keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from mlship.errors import JournalUnavailable, LeaseLost
from mlship.journal.holder import Holder

if TYPE_CHECKING:
    from mlship.journal.leases import Leases

TTL = 30.0
"""Seconds after its last heartbeat that a lease still counts."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of `holder` to change `service` for `rollout`, until a higher fence is given out."""

    service: str
    rollout: str
    holder: Holder
    fence: int
    since: float
    ttl: float = TTL


class Heartbeat:
    """Keeps a lease alive while the block runs. Losing it ends the beat and calls `wake`; the next append tells."""

    def __init__(self, leases: Leases, lease: Lease, *, wake: Callable[[], None] = lambda: None) -> None:
        self._leases = leases
        self._lease = lease
        self._wake = wake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {lease.service}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._lease.ttl / 3):
            try:
                self._leases.renew(self._lease)
            except LeaseLost:
                self._wake()
                return
            except JournalUnavailable:
                # The next beat may get through; if none does, the run's own appends say so loudly.
                continue
