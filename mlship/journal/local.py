"""The journal of one machine: every service in one SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlship.journal.database import Database
from mlship.journal.entry import Entry, write
from mlship.journal.lease import Lease

_SERVICES = "SELECT DISTINCT service FROM events WHERE milestone ORDER BY service"
_BEAT = "UPDATE leases SET renewed = ? WHERE service = ?"


class LocalArchive:
    """An `Archive` in `journal.db` of a folder. `patience`: seconds to wait for another process that is writing."""

    def __init__(self, folder: Path, *, patience: float) -> None:
        self._database = Database(folder, patience=patience)

    def refresh(self, service: str) -> None:
        """Nothing to do: everybody writes to the same file."""

    def rows(self, query: str, *, service: str, **values: object) -> list[Any]:
        """What a query finds; nothing where there is no file yet."""
        return self._database.rows(query, service=service, **values)

    def services(self) -> tuple[str, ...]:
        """Every service that has a rollout, by name."""
        return tuple(service for (service,) in self._database.rows(_SERVICES))

    def add(self, service: str, decide: Callable[[], Entry | None]) -> int:
        """Decide and write in one transaction."""
        del service
        with self._database.write() as connection:
            entry = decide()
            return 0 if entry is None else write(connection, entry)

    def beat(self, lease: Lease, check: Callable[[], None], *, now: float) -> None:
        """Check and note the time in one transaction."""
        with self._database.write() as connection:
            check()
            connection.execute(_BEAT, (now, lease.service))

    def silence(self, lease: Lease, *, renewed: float, now: float) -> float:
        """Seconds by the clock of this machine, which wrote `renewed` too."""
        del lease
        return now - renewed

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
