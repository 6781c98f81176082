"""What was left behind, and what hangs: looked at without changing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlship.clock import Clock
from mlship.dataplane.home import Home, Running
from mlship.dataplane.life import Life, life_of
from mlship.drivers.process.replica import MARK, Roster
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach

A_MOMENT = 1.0
"""Seconds that a change may hold the lock before somebody who looks takes note."""


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """The traces of one service on this machine."""

    service: str
    folder: Path
    roster: Roster
    home: Home
    clock: Clock

    def found(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """All that is wrong; what a run may be in the middle of only where nobody has the service in `held`."""
        yield from self._router()
        yield from self._claim(fence)
        if not held:
            yield from self._lock()
            yield from self._replicas()

    def _router(self) -> Iterator[Trouble]:
        from mlship.dataplane.admin import Admin

        running = self.home.running()
        if running is None:
            return
        try:
            Admin(Path(running.admin)).get("/server_info")
        except OutOfReach:
            if _still(self.home, running):
                yield Trouble(
                    message=f"the router (process {running.life.pid}) runs and does not answer",
                    hint=f"end it with `kill -9 {running.life.pid}`, then `mlship doctor {self.service} --repair` "
                    f"starts it again with its last routing",
                )

    def _claim(self, fence: int) -> Iterator[Trouble]:
        file = self.folder / "fence"
        try:
            claimed = int(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            yield Trouble(message=f"{file} cannot be read: {error}", hint=f"rm {file}")
            return
        if claimed > fence:
            yield Trouble(
                message=f"{file} holds {claimed}, the journal has given out {fence}: no command may change the service",
                hint=f"an older journal? bring the newer one back, or `rm {file}` if nobody else is at work",
            )

    def _lock(self) -> Iterator[Trouble]:
        file, until = self.folder / "lock", self.clock.now() + A_MOMENT
        while _locked(file):
            if self.clock.now() > until:
                by = _lock_holder(file)
                who = f"process {by}" if by else "some process"
                yield Trouble(
                    message=f"{file} is locked by {who}, although nobody holds the service",
                    hint=f"see what it does; `kill {by or 'PID'}` frees the lock",
                )
                return
            self.clock.sleep(0.05)

    def _replicas(self) -> Iterator[Trouble]:
        try:
            there = self.roster.all()
        except MlshipError as error:
            yield Trouble(message=error.message, hint=error.hint)
            return
        known = {replica.life.pid for replica in there}
        for replica in there:
            if replica.draining and replica.alive:
                yield Trouble(
                    message=f"{replica.name} (process {replica.life.pid}) was to be stopped and still runs",
                    hint=f"kill {replica.life.pid}",
                    grave=False,
                )
        for life, name in _marked(self.roster.mark):
            if life.pid not in known:
                yield Trouble(
                    message=f"process {life.pid} is a replica {name} that is on no record",
                    hint=f"kill {life.pid}",
                    grave=False,
                )


def _still(home: Home, running: Running) -> bool:
    return home.running() == running


def _locked(file: Path) -> bool:
    """Somebody holds the lock; taken for a blink and given back, as any reader may."""
    import fcntl

    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_holder(file: Path) -> int | None:
    """The process that holds it, where the system tells (Linux)."""
    try:
        inode = str(file.stat().st_ino)
        lines = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    held = [line.split() for line in lines if " FLOCK " in line and " -> " not in line]
    return next((int(words[4]) for words in held if words[5].rpartition(":")[2] == inode and int(words[4]) > 0), None)


def _marked(mark: str) -> Iterator[tuple[Life, str]]:
    """Processes with this service's mark that lead their session: the replicas, not what those have started."""
    import psutil

    for process in psutil.process_iter():
        try:
            value = process.environ().get(MARK, "")
            leads = value.startswith(f"{mark}:") and os.getsid(process.pid) == process.pid
        except (psutil.Error, OSError):
            continue
        if leads and (life := life_of(process.pid)):
            yield life, value.rpartition(":")[2]
