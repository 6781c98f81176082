"""The right to change a service: one holder at a time, a heartbeat, and a fencing number that only ever grows."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec
from msgspec.structs import asdict

from mlship.clock import Clock
from mlship.errors import JournalUnavailable, LeaseLost, ServiceHeld
from mlship.journal.codec import intact, timestamp
from mlship.journal.database import Database
from mlship.journal.holder import Holder, gone

TTL = 30.0
"""Seconds after its last heartbeat that a lease still counts."""

_Columns = tuple[str, int, str, str | None, float, float, float]
_SELECT = "SELECT service, fence, rollout, holder, since, renewed, ttl FROM leases WHERE service = :service"
_UPSERT = """
INSERT INTO leases (service, fence, rollout, holder, since, renewed, ttl)
VALUES (:service, :fence, :rollout, :holder, :since, :since, :ttl)
ON CONFLICT (service) DO UPDATE SET fence = excluded.fence, rollout = excluded.rollout, holder = excluded.holder,
    since = excluded.since, renewed = excluded.renewed, ttl = excluded.ttl
"""
_RENEW = "UPDATE leases SET renewed = ? WHERE service = ? AND fence = ? AND holder IS NOT NULL"
_RELEASE = "UPDATE leases SET holder = NULL WHERE service = ? AND fence = ?"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of `holder` to change `service` for `rollout`, until a higher fence is given out."""

    service: str
    rollout: str
    holder: Holder
    fence: int
    since: float
    ttl: float = TTL


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    fence: int
    lease: Lease | None
    renewed: float


class Leases:
    """Gives out the right to change a service. Every method raises `JournalUnavailable` where the file fails."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, service: str, holder: Holder, *, rollout: str, ttl: float = TTL) -> Lease:
        """Take a service that nobody holds: never held, released, expired, or its holder is dead.

        Raises:
            ServiceHeld: somebody does hold it.
        """
        with self._database.write() as connection:
            row = _row(connection.execute(_SELECT, {"service": service}).fetchone())
            if row is not None and row.lease is not None and self._counts(row.lease, row.renewed):
                raise _held(row.lease)
            return self._give(connection, service, holder, rollout=rollout, ttl=ttl)

    def take_over(self, service: str, holder: Holder, *, rollout: str, ttl: float = TTL, above: int = 0) -> Lease:
        """Take a service at once, whoever holds it; the holder before loses its lease. The fence is over `above`."""
        with self._database.write() as connection:
            return self._give(connection, service, holder, rollout=rollout, ttl=ttl, above=above)

    def renew(self, lease: Lease) -> None:
        """Say that the holder is alive.

        Raises:
            LeaseLost: another run has taken the service over, or the lease was released.
        """
        with self._database.write() as connection:
            check(connection, lease)
            connection.execute(_RENEW, (self._clock.now(), lease.service, lease.fence))

    def release(self, lease: Lease) -> None:
        """Give the service back; a lease that is lost already is none of our business any more."""
        with self._database.write() as connection:
            connection.execute(_RELEASE, (lease.service, lease.fence))

    def current(self, service: str) -> Lease | None:
        """The lease that counts now; None: a run could take the service."""
        rows = self._database.rows(_SELECT, service=service)
        row = _row(rows[0]) if rows else None
        if row is None or row.lease is None or not self._counts(row.lease, row.renewed):
            return None
        return row.lease

    def fence(self, service: str) -> int:
        """The highest fencing number given out for the service; 0: none yet."""
        rows = self._database.rows(_SELECT, service=service)
        row = _row(rows[0]) if rows else None
        return row.fence if row else 0

    def _counts(self, lease: Lease, renewed: float) -> bool:
        return self._clock.now() - renewed <= lease.ttl and not gone(lease.holder)

    def _give(
        self,
        connection: sqlite3.Connection,
        service: str,
        holder: Holder,
        *,
        rollout: str,
        ttl: float,
        above: int = 0,
    ) -> Lease:
        row = _row(connection.execute(_SELECT, {"service": service}).fetchone())
        fence = max(0 if row is None else row.fence, above) + 1
        lease = Lease(service=service, rollout=rollout, holder=holder, fence=fence, since=self._clock.now(), ttl=ttl)
        connection.execute(_UPSERT, {**asdict(lease), "holder": json.dumps(asdict(holder))})
        return lease


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


def check(connection: sqlite3.Connection, lease: Lease) -> None:
    """Within a transaction: `lease` still is the one of its service.

    Raises:
        LeaseLost: it is not.
    """
    row = _row(connection.execute(_SELECT, {"service": lease.service}).fetchone())
    if row is None or row.lease is None or row.fence != lease.fence:
        raise _lost(lease, row.lease if row else None)


def _row(values: tuple[object, ...] | None) -> _Row | None:
    if values is None:
        return None
    with intact("a lease"):
        service, fence, rollout, text, since, renewed, ttl = msgspec.convert(values, _Columns)
        if text is None:
            return _Row(fence=fence, lease=None, renewed=renewed)
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
