"""A router as a process of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlship.clock import Clock
from mlship.dataplane.files import Folder, last_lines, make_folder
from mlship.dataplane.home import Home
from mlship.dataplane.life import stop
from mlship.dataplane.listener import spool_of
from mlship.dataplane.place import Started
from mlship.dataplane.spool import Spool
from mlship.dataplane.upstream import RouterSettings
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from mlship.dataplane.admin import Admin

QUIT_WITHIN = 5.0
"""Seconds that Envoy gets to end once it is told to."""

LOG_LINES = 200


class LocalPlace:
    """`Place` in a folder."""

    def __init__(self, *, folder: Path, settings: RouterSettings, clock: Clock) -> None:
        self._home = Home(folder=folder)
        self._settings = settings
        self._clock = clock
        self.files = Folder(folder=folder)

    @property
    def running(self) -> Started | None:
        """The Envoy on record, if it is alive."""
        found = self._home.running()
        return Started(life=f"{found.life.pid}@{found.life.birth}", address=found.address) if found else None

    @property
    def admin(self) -> Admin:
        """Its socket."""
        return self._admin

    @cached_property
    def _admin(self) -> Admin:
        from mlship.dataplane.admin import Admin

        running = self._home.running()
        if running is None:
            raise OutOfReach(
                "the router is down", hint="`mlship resume` or `mlship rollback` starts it again with its last routing"
            )
        return Admin(Path(running.admin))

    @property
    def spool(self) -> Spool:
        """Answers and outcomes that wait to be read."""
        return spool_of(self._home.folder, self._settings)

    @property
    def log(self) -> str:
        """Envoy's log."""
        return str(self._home.log)

    def log_end(self) -> str:
        """Its size."""
        return str(self._home.log.stat().st_size if self._home.log.exists() else 0)

    def said(self, since: str) -> Sequence[str]:
        """Lines behind a size that it had."""
        return last_lines(self._home.log, LOG_LINES, start=int(since))

    def prepare(self) -> None:
        """Folders, and the secret by which units are hashed."""
        make_folder(self._home.folder)
        self.spool.prepare()

    def admin_address(self) -> dict[str, object]:
        """A socket that only its owner may open."""
        return {"pipe": {"path": str(self._home.admin_socket()), "mode": 0o600}}

    def start(self, settings: RouterSettings) -> None:
        """A detached process."""
        from mlship.dataplane import envoy

        envoy.start(self._home, admin=self._home.admin_socket(), settings=settings, clock=self._clock)
        self.__dict__.pop("_admin", None)

    def moved(self, settings: RouterSettings) -> None:
        """Put the address on record."""
        running = self._home.running()
        if running is not None and running.address != settings.address:
            self._home.remember(replace(running, address=settings.address))

    def rotate(self, now: float) -> None:
        """Envoy lets go of a file within a second; until then the last lines of it still come.

        Raises:
            OutOfReach: they cannot be renamed, or the router runs and does not answer.
        """
        if self.spool.rotate(now) and self.running:
            self.admin.post("/reopen_logs")

    def end(self) -> None:
        """SIGTERM, then SIGKILL."""
        running = self._home.running()
        if running is not None:
            stop([running.life], grace=QUIT_WITHIN, clock=self._clock)

    def forget(self) -> None:
        """Remove its files; logs, answers and outcomes stay."""
        self._home.forget()
