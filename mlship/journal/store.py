"""The journal: an append-only list of events per service, in a file of this machine or in a bucket of a team."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from mlship.clock import Clock
from mlship.journal.archive import Archive
from mlship.journal.codec import decode, encode, intact
from mlship.journal.entry import Noted
from mlship.journal.events import (
    BroughtUp,
    Event,
    Flagged,
    Looked,
    Promoted,
    Recorded,
    Requested,
    RolledBack,
    Started,
    TornDown,
)
from mlship.journal.fold import fold
from mlship.journal.lease import Lease
from mlship.journal.leases import Leases
from mlship.journal.local import LocalArchive
from mlship.journal.state import ServiceState

_PAGE = 500
_Row = tuple[int, str, str, float, int, str]
_LETTERS = "23456789abcdefghijkmnpqrstuvwxyz"

_OF_SERVICE = """
SELECT seq, service, rollout, at, fence, body FROM events
WHERE service = :service AND seq > :after ORDER BY seq LIMIT :limit
"""
_OF_ROLLOUT = """
SELECT seq, service, rollout, at, fence, body FROM events
WHERE service = :service AND rollout = :rollout AND seq > :after ORDER BY seq LIMIT :limit
"""
# Of a rollout's looks the fold keeps the history (number 0) and the last one: the rest need not be read.
_SHORT = """
SELECT seq, service, rollout, at, fence, body FROM events
WHERE service = :service AND rollout = :rollout AND (look IS NULL OR seq IN (
    SELECT max(seq) FROM events WHERE service = :service AND rollout = :rollout AND look = 0 UNION ALL
    SELECT max(seq) FROM events WHERE service = :service AND rollout = :rollout AND look <> 0))
"""
_STATE_OF_ROLLOUT = f"{_SHORT} ORDER BY seq"
# One statement, so that it sees one moment: a rollout may begin meanwhile.
_STATE = f"""
WITH latest AS (
    SELECT rollout FROM events WHERE service = :service AND milestone AND milestone = 1 ORDER BY seq DESC LIMIT 1)
SELECT seq, service, rollout, at, fence, body FROM events WHERE service = :service AND milestone
UNION {_SHORT.replace(":rollout", "(SELECT rollout FROM latest)")}
UNION SELECT * FROM (
    SELECT seq, service, rollout, at, fence, body FROM events WHERE service = :service ORDER BY seq DESC LIMIT 1)
ORDER BY seq
"""  # noqa: S608 - all parts are constants
_STARTED = "SELECT rollout FROM events WHERE service = :service AND milestone AND milestone = 1 ORDER BY seq"


class Journal:
    """The record of every service. It needs no file until the first append.

    `place` is a folder of this machine, or the archive of a team. Every method raises `JournalUnavailable` where it
    cannot be read or written. `patience` is how many seconds to wait for another process that is writing to the file.
    """

    def __init__(self, place: Path | Archive, clock: Clock, *, patience: float = 5.0) -> None:
        self._clock = clock
        self._archive: Archive = LocalArchive(place, patience=patience) if isinstance(place, Path) else place
        self._subscribers: list[Callable[[Recorded], None]] = []
        self.leases = Leases(self._archive, clock)
        """Who may change a service: `acquire`, `take_over`, `renew`, `release`, `current`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, event: Event, *, lease: Lease) -> Recorded:
        """Put an event on disk, for the rollout of the lease.

        Raises:
            LeaseLost: another run has taken the service over; nothing is written.
        """
        return self._write(event, service=lease.service, rollout=lease.rollout, lease=lease)

    def request(self, event: Requested | Flagged, *, service: str, rollout: str) -> Recorded:
        """Put an order on disk, for whoever holds the service; orders need no lease."""
        return self._write(event, service=service, rollout=rollout, lease=None)

    def subscribe(self, subscriber: Callable[[Recorded], None]) -> None:
        """Call `subscriber` with each event of this process, once it is on disk."""
        self._subscribers.append(subscriber)

    def read(self, service: str, *, after: int = 0, rollout: str | None = None) -> Iterator[Recorded]:
        """Events of a service, or of one of its rollouts, in order; those with a `seq` above `after`."""
        self._archive.refresh(service)
        while page := self._page(service, after, rollout):
            yield from page
            after = page[-1].seq

    def state(self, service: str, *, rollout: str | None = None) -> ServiceState:
        """The fold of all events of a service, or only of those of one rollout, however long the record is."""
        self._archive.refresh(service)
        query = _STATE if rollout is None else _STATE_OF_ROLLOUT
        rows = self._archive.rows(query, service=service, rollout=rollout)
        return fold(service, (_recorded(row) for row in rows))

    def services(self) -> tuple[str, ...]:
        """Every service that has a rollout, by name."""
        return self._archive.services()

    def rollouts(self, service: str) -> tuple[str, ...]:
        """The rollouts of a service, oldest first."""
        self._archive.refresh(service)
        return tuple(dict.fromkeys(rollout for (rollout,) in self._archive.rows(_STARTED, service=service)))

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._archive.close()

    def _page(self, service: str, after: int, rollout: str | None) -> list[Recorded]:
        query = _OF_SERVICE if rollout is None else _OF_ROLLOUT
        rows = self._archive.rows(query, service=service, rollout=rollout, after=after, limit=_PAGE)
        return [_recorded(row) for row in rows]

    def _write(self, event: Event, *, service: str, rollout: str, lease: Lease | None) -> Recorded:
        at, fence = self._clock.now(), lease.fence if lease else 0
        noted = Noted(
            service=service,
            rollout=rollout,
            at=at,
            fence=fence,
            milestone=_milestone(event),
            look=event.look.number if isinstance(event, Looked) else None,
            body=encode(event),
        )

        def permitted() -> Noted:
            if lease is not None:
                self.leases.check(lease)
            return noted

        seq = self._archive.add(service, permitted)
        recorded = Recorded(seq=seq, service=service, rollout=rollout, at=at, event=event, fence=fence)
        for subscriber in self._subscribers:
            subscriber(recorded)
        return recorded


def new_rollout_id(clock: Clock) -> str:
    """The minute (UTC) and four letters of chance: "20261123-2041-k3f9"."""
    chance = "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(4))
    return f"{time.strftime('%Y%m%d-%H%M', time.gmtime(clock.now()))}-{chance}"


def _milestone(event: Event) -> int:
    """1 begins a rollout, 2 changes what is live: what the fold needs of every rollout but the last."""
    match event:
        case Started():
            return 1
        case RolledBack() | Promoted() | BroughtUp() | TornDown():
            return 2
        case _:
            return 0


def _recorded(row: tuple[object, ...]) -> Recorded:
    with intact("a row"):
        seq, service, rollout, at, fence, body = msgspec.convert(row, _Row)
    return Recorded(seq=seq, service=service, rollout=rollout, at=at, event=decode(body), fence=fence)
