"""The journal as a run sees it: every append goes through its lease, and the state is always the fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from mlship.journal.events import Event, Recorded, Requested
from mlship.journal.fold import apply
from mlship.journal.lease import Lease
from mlship.journal.served import has_served
from mlship.journal.state import RolloutState, ServiceState


class Log(Protocol):
    """What a record needs of a journal."""

    def append(self, event: Event, *, lease: Lease) -> Recorded:
        """Add an event, for the rollout of the lease."""
        ...

    def read(self, service: str, *, after: int = 0, rollout: str | None = None) -> Iterator[Recorded]:
        """Events of a service, or of one of its rollouts, in order; those with a `seq` above `after`."""
        ...

    def state(self, service: str) -> ServiceState:
        """The fold of all events of a service."""
        ...


def _ignore(recorded: Recorded) -> None:
    del recorded


class Record:
    """One rollout's journal, for the holder of its lease. `show` gets every new event, whoever wrote it."""

    def __init__(self, *, journal: Log, lease: Lease, show: Callable[[Recorded], None] = _ignore) -> None:
        self._journal = journal
        self._lease = lease
        self._show = show
        self.state: ServiceState = journal.state(lease.service)

    def __call__(self, event: Event) -> Recorded:
        """Append durably, and fold into the state.

        Raises:
            LeaseLost: another process holds the service now.
            JournalUnavailable: nothing was written.
        """
        recorded = self._journal.append(event, lease=self._lease)
        self.catch_up()
        return recorded

    def catch_up(self) -> None:
        """Fold what was written since the last time, here and by other terminals."""
        for recorded in self._journal.read(self._lease.service, after=self.state.seq):
            self.state = apply(self.state, recorded)
            self._show(recorded)

    def order(self) -> Requested | None:
        """The order that nobody has answered yet."""
        self.catch_up()
        return self.rollout.order

    @property
    def rollout(self) -> RolloutState:
        """The rollout at work."""
        assert self.state.rollout is not None
        return self.state.rollout

    @property
    def served(self) -> bool:
        """Users can have had something of the service."""
        return has_served(self._journal.read(self._lease.service))

    def events(self) -> tuple[Recorded, ...]:
        """Everything that this rollout has recorded."""
        return tuple(self._journal.read(self._lease.service, rollout=self._lease.rollout))
