"""What one entry of a journal is, and the rows that it makes."""

from __future__ import annotations

import json
import sqlite3

import msgspec
from msgspec.structs import asdict

from mlship.journal.lease import Lease

_NOTE = """
INSERT INTO events (seq, service, rollout, at, fence, milestone, look, body)
VALUES (:seq, :service, :rollout, :at, :fence, :milestone, :look, :body)
"""
_GRANT = """
INSERT INTO leases (service, fence, rollout, holder, since, renewed, ttl)
VALUES (:service, :fence, :rollout, :holder, :since, :renewed, :ttl)
ON CONFLICT (service) DO UPDATE SET fence = excluded.fence, rollout = excluded.rollout, holder = excluded.holder,
    since = excluded.since, renewed = excluded.renewed, ttl = excluded.ttl
"""
_RELEASE = "UPDATE leases SET holder = NULL WHERE service = ? AND fence = ?"


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """An event, as text."""

    service: str
    rollout: str
    at: float
    fence: int
    milestone: int
    look: int | None
    body: str


class Granted(msgspec.Struct, frozen=True, kw_only=True, tag="granted"):
    """The service has a new holder; every lease before counts no more."""

    lease: Lease


class Released(msgspec.Struct, frozen=True, kw_only=True, tag="released"):
    """The holder gave the service back."""

    service: str
    fence: int


Entry = Noted | Granted | Released


def write(connection: sqlite3.Connection, entry: Entry, *, seq: int | None = None, renewed: float | None = None) -> int:
    """The rows of an entry; the number of an event (`seq`, else the next one), 0 for others.

    `renewed` is when a lease was given out, by the clock that its heartbeats are measured with (else its `since`).
    """
    match entry:
        case Noted():
            return connection.execute(_NOTE, {"seq": seq, **asdict(entry)}).lastrowid or 0
        case Granted(lease=lease):
            holder = json.dumps(asdict(lease.holder))
            moment = lease.since if renewed is None else renewed
            connection.execute(_GRANT, {**asdict(lease), "holder": holder, "renewed": moment})
        case Released(service=service, fence=fence):
            connection.execute(_RELEASE, (service, fence))
    return 0
