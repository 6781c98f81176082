"""Who may change a service: one holder at a time, and a fencing number that only ever grows."""

from __future__ import annotations

import json

import msgspec

from mlship.clock import Clock
from mlship.errors import LeaseLost, ServiceHeld
from mlship.journal.archive import Archive
from mlship.journal.codec import intact, timestamp
from mlship.journal.entry import Granted, Released
from mlship.journal.holder import Holder, gone
from mlship.journal.lease import TTL, Lease

_Columns = tuple[str, int, str, str | None, float, float, float]
_SELECT = "SELECT service, fence, rollout, holder, since, renewed, ttl FROM leases WHERE service = :service"


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    fence: int = 0
    lease: Lease | None = None
    renewed: float = 0.0


class Leases:
    """Gives out the right to change a service. Every method raises `JournalUnavailable` where the journal fails."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock

    def acquire(self, service: str, holder: Holder, *, rollout: str, ttl: float = TTL) -> Lease:
        """Take a service that nobody holds: never held, released, expired, or its holder is dead.

        Raises:
            ServiceHeld: somebody does hold it.
        """
        return self._grant(service, holder, rollout=rollout, ttl=ttl)

    def take_over(self, service: str, holder: Holder, *, rollout: str, ttl: float = TTL, above: int = 0) -> Lease:
        """Take a service at once, whoever holds it; the holder before loses its lease. The fence is over `above`."""
        return self._grant(service, holder, rollout=rollout, ttl=ttl, above=above)

    def renew(self, lease: Lease) -> None:
        """Say that the holder is alive.

        Raises:
            LeaseLost: another run has taken the service over, or the lease was released.
        """
        self._archive.beat(lease, lambda: self.check(lease), now=self._clock.now())

    def release(self, lease: Lease) -> None:
        """Give the service back; a lease that is lost already is none of our business any more."""

        def released() -> Released | None:
            row = self._row(lease.service)
            holds = row.lease is not None and row.fence == lease.fence
            return Released(service=lease.service, fence=lease.fence) if holds else None

        self._archive.add(lease.service, released)

    def current(self, service: str) -> Lease | None:
        """The lease that counts now; None: a run could take the service."""
        self._archive.refresh(service)
        return self._counting(self._row(service))

    def fence(self, service: str) -> int:
        """The highest fencing number given out for the service; 0: none yet."""
        self._archive.refresh(service)
        return self._row(service).fence

    def check(self, lease: Lease) -> None:
        """By what is known here, `lease` still is the one of its service.

        Raises:
            LeaseLost: it is not.
        """
        row = self._row(lease.service)
        if row.lease is None or row.fence != lease.fence:
            raise _lost(lease, row.lease)

    def _grant(self, service: str, holder: Holder, *, rollout: str, ttl: float, above: int | None = None) -> Lease:
        """`above` None: only a service that nobody holds."""
        given: list[Lease] = []

        def granted() -> Granted:
            row = self._row(service)
            if above is None and (held := self._counting(row)):
                raise _held(held)
            fence = max(row.fence, above or 0) + 1
            since = self._clock.now()
            given.append(Lease(service=service, rollout=rollout, holder=holder, fence=fence, since=since, ttl=ttl))
            return Granted(lease=given[-1])

        self._archive.add(service, granted)
        return given[-1]

    def _counting(self, row: _Row) -> Lease | None:
        lease = row.lease
        if lease is None or gone(lease.holder):
            return None
        silence = self._archive.silence(lease, renewed=row.renewed, now=self._clock.now())
        return lease if silence <= lease.ttl else None

    def _row(self, service: str) -> _Row:
        rows = self._archive.rows(_SELECT, service=service)
        return _row(rows[0]) if rows else _Row()


def _row(values: tuple[object, ...]) -> _Row:
    with intact("a lease"):
        service, fence, rollout, text, since, renewed, ttl = msgspec.convert(values, _Columns)
        if text is None:
            return _Row(fence=fence, renewed=renewed)
        holder = msgspec.convert(json.loads(text), Holder)
    lease = Lease(service=service, rollout=rollout, holder=holder, fence=fence, since=since, ttl=ttl)
    return _Row(fence=fence, lease=lease, renewed=renewed)


def _held(lease: Lease) -> ServiceHeld:
    return ServiceHeld(
        f"{lease.service} is held by {lease.holder}, rollout {lease.rollout}, since {timestamp(lease.since)}",
        hint=f"Follow it with `mlship watch {lease.service}` and try again when it ends; "
        f"`mlship rollback {lease.service}` takes the service over at once.",
    )


def _lost(lease: Lease, now: Lease | None) -> LeaseLost:
    if now is None:
        return LeaseLost(
            f"this run no longer holds {lease.service}: its lease was given back",
            hint=f"`mlship resume {lease.service}` takes the service again.",
        )
    return LeaseLost(
        f"{now.holder}, rollout {now.rollout}, took {lease.service} over at {timestamp(now.since)}",
        hint=f"This run has stopped and leaves the traffic alone; see `mlship status {lease.service}`.",
    )
