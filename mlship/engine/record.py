"""The journal as a run sees it: every append goes through its lease, and the state is always the fold."""

from __future__ import annotations

from mlship.journal.events import Event, Recorded, Requested
from mlship.journal.lease import Lease
from mlship.journal.state import RolloutState, ServiceState, apply
from mlship.journal.store import Journal


class Record:
    """One service's journal, for the holder of its lease."""

    def __init__(self, *, journal: Journal, lease: Lease, rollout: str) -> None:
        self._journal = journal
        self._lease = lease
        self._rollout = rollout
        self.state: ServiceState = journal.state(lease.service)
        self._seen = 0

    def __call__(self, event: Event) -> Recorded:
        """Append durably, and fold into the state.

        Raises:
            LeaseLost: another process holds the service now.
            JournalUnavailable: nothing was written.
        """
        self.orders()
        recorded = self._journal.append(event, lease=self._lease)
        self._fold(recorded)
        return recorded

    def orders(self) -> Requested | None:
        """The order that nobody has answered yet, with those that other terminals wrote meanwhile."""
        for recorded in self._journal.read(self._lease.service, after=self._seen):
            self._fold(recorded)
        return self.rollout.order

    @property
    def rollout(self) -> RolloutState:
        """The rollout at work."""
        assert self.state.rollout is not None
        return self.state.rollout

    def events(self) -> tuple[Recorded, ...]:
        """Everything that this rollout has recorded."""
        return tuple(self._journal.read(self._lease.service, rollout=self._rollout))

    def _fold(self, recorded: Recorded) -> None:
        if recorded.seq > self._seen:
            self.state = apply(self.state, recorded)
            self._seen = recorded.seq
