"""The journals of a team in one bucket: appends are fenced by the order of the log, reads come from a copy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mlship.clock import Clock
from mlship.errors import JournalUnavailable, ServiceHeld, UsageError
from mlship.journal.entry import Entry, Granted
from mlship.journal.lease import Lease
from mlship.journal.shared.bucket import Bucket
from mlship.journal.shared.copy import Copy
from mlship.journal.shared.log import Filed, ServiceLog
from mlship.journal.shared.packs import PACK, all_of
from mlship.journal.shared.place import Place, part

EVERY = 1.0
"""Seconds for which what was read counts as new, for who reads again and again; writing never rests on it."""
_TRIES = 200
_ANY_ROLLOUT = "SELECT 1 FROM events WHERE service = :service AND milestone LIMIT 1"


class SharedArchive:
    """An `Archive` in S3, with copies of it below `folder`. Every method raises `JournalUnavailable` where S3 refuses.

    `every`: seconds for which what was read counts as new; `patience`: seconds to wait for another process that is
    writing to a copy.
    """

    def __init__(
        self, place: Place, folder: Path, clock: Clock, *, every: float = EVERY, patience: float = 5.0
    ) -> None:
        self._bucket = Bucket(place)
        self._folder = folder
        self._clock = clock
        self._every = every
        self._patience = patience
        self._lock = threading.Lock()
        self._copies: dict[str, Copy] = {}
        self._refreshed: dict[str, float] = {}
        self._heard: dict[str, tuple[float, float]] = {}

    def refresh(self, service: str) -> None:
        """Bring in what others have written, unless that was done a moment ago."""
        copy = self._copy(service)
        if not copy.followed or not self._is_new(self._refreshed.get(service)):
            now = self._clock.now()
            copy.refresh()
            self._refreshed[service] = now

    def rows(self, query: str, *, service: str, **values: object) -> list[Any]:
        """What a query finds in the copy."""
        return self._copy(service).rows(query, service=service, **values)

    def services(self) -> tuple[str, ...]:
        """Every service that has a rollout, by name."""
        found = self._bucket.folders(self._bucket.place.key("services", ""))
        names = sorted(map(unquote, found))
        began = all_of(self._has_rollout, names)
        return tuple(name for name, has in zip(names, began, strict=True) if has)

    def add(self, service: str, decide: Callable[[], Entry | None]) -> int:
        """Decide by the copy, and write the next entry; where somebody else's came first, read it and decide again."""
        copy = self._copy(service)
        if not copy.followed:
            copy.refresh()
        for _ in range(_TRIES):
            # Asked before deciding: what another process brings in meanwhile makes the number a taken one.
            number = copy.number + 1
            entry = _decided(decide, copy)
            if entry is None:
                return 0
            filed = self._log(service).put(number, entry)
            if filed is not None:
                self._written(service, copy, filed)
                return number
            copy.refresh()
        raise JournalUnavailable(
            f"the journal {self._bucket.place}: {_TRIES} times another process wrote first",
            hint=f"See with `mlship history {service}` who writes so much.",
        )

    def beat(self, lease: Lease, check: Callable[[], None], *, now: float) -> None:
        """Read whether the lease is lost, and write the heartbeat's object: each lease has one of its own."""
        del now
        self._copy(lease.service).refresh()
        check()
        self._bucket.put(self._heart(lease), b"")

    def silence(self, lease: Lease, *, renewed: float, now: float) -> float:
        """Seconds by the clock of S3, which also wrote `renewed`: machines may disagree about the time.

        S3 tells whole seconds, so the difference is too long by up to one; that is taken off.
        """
        del now
        heart = self._heart(lease)
        at, silence = self._heard.get(heart, (None, 0.0))
        if not self._is_new(at):
            asked = self._clock.now()
            there, beaten = self._bucket.age(heart)
            silence = there - max(beaten or renewed, renewed) - 1.0
            self._heard[heart] = asked, silence
        return silence

    def close(self) -> None:
        """Let go of the copies."""
        for copy in self._copies.values():
            copy.close()

    def _written(self, service: str, copy: Copy, filed: Filed) -> None:
        copy.keep(filed)
        if filed.number % PACK == 0:
            copy.pack()
        # Amazon's S3 knows conditional writes; of any other store each new holder makes sure.
        known = self._bucket.is_amazons or not isinstance(filed.entry, Granted)
        if not known and not self._log(service).guards(filed):
            raise UsageError(
                f"the store of {self._bucket.place} does not keep to If-None-Match: two runs could both hold a service",
                hint="use Amazon S3, or a store (or a version of it) that knows conditional writes",
            )

    def _has_rollout(self, service: str) -> bool:
        self.refresh(service)
        return bool(self.rows(_ANY_ROLLOUT, service=service))

    def _is_new(self, at: float | None) -> bool:
        return at is not None and 0 <= self._clock.now() - at < self._every

    def _heart(self, lease: Lease) -> str:
        return self._bucket.place.key("heartbeats", part(lease.service), f"{lease.fence:010}")

    def _log(self, service: str) -> ServiceLog:
        return ServiceLog(self._bucket, service)

    def _copy(self, service: str) -> Copy:
        with self._lock:
            if service not in self._copies:
                folder = self._folder / _name(service)
                self._copies[service] = Copy(self._log(service), folder, patience=self._patience)
            return self._copies[service]


def _decided(decide: Callable[[], Entry | None], copy: Copy) -> Entry | None:
    """Nobody is refused for what has changed since the copy was made."""
    try:
        return decide()
    except ServiceHeld:
        copy.refresh()
        return decide()


def _name(service: str) -> str:
    try:
        return part(service)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{service!a} is not a name that the journal can hold",
            hint="Use letters, digits, dots and dashes; `mlship status` lists the services.",
        ) from error
