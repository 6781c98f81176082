"""A journal that nobody reads later: whole rollouts without a file, for simulations."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.clock import Clock
from mlship.journal.events import Event, Recorded
from mlship.journal.fold import fold
from mlship.journal.lease import Lease
from mlship.journal.state import ServiceState


class EphemeralJournal:
    """The record of one service in memory. Nobody else can take the service over, so every lease holds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[Recorded] = []

    def append(self, event: Event, *, lease: Lease) -> Recorded:
        """Add an event, for the rollout of the lease."""
        recorded = Recorded(
            seq=len(self._events) + 1,
            service=lease.service,
            rollout=lease.rollout,
            at=self._clock.now(),
            event=event,
            fence=lease.fence,
        )
        self._events.append(recorded)
        return recorded

    def read(self, service: str, *, after: int = 0, rollout: str | None = None) -> Iterator[Recorded]:
        """Events in order; those with a `seq` above `after`, also those that are added meanwhile."""
        del service, rollout
        while after < len(self._events):
            yield self._events[after]
            after += 1

    def state(self, service: str) -> ServiceState:
        """The fold of all events."""
        return fold(service, self._events)
