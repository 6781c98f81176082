"""Who holds a service, and whether that process can still be there."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A process, named so that a person can find it."""

    user: str
    host: str
    pid: int
    machine: str
    """The boot and the process namespace: only within one of them does `pid` mean the same process."""
    started: str
    """When the process began, in the words of its system: a number that a later process with this pid has not."""

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid})"


def this_process() -> Holder:
    """The holder that this process is."""
    import platform

    pid = os.getpid()
    return Holder(
        user=_user(), host=platform.node() or "localhost", pid=pid, machine=_machine(), started=_started(pid) or ""
    )


def gone(holder: Holder) -> bool:
    """The process has certainly ended; False where it cannot be told from here."""
    if holder.machine != _machine():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    started = _started(holder.pid)
    return started is not None and started != holder.started


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Containers may share a host name and a boot, and still number their processes differently.
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        import platform

        import psutil

        return f"{platform.node()} {round(psutil.boot_time())}"


def _started(pid: int) -> str | None:
    """None: not to be read. A zombie began "never": it will not act again."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _started_by_psutil(pid) if not Path("/proc/self").exists() else None
    # The process may be called anything, blanks and brackets included; the fields after its name are fixed.
    fields = status.rpartition(")")[2].split()
    return "never" if fields[0] in {"Z", "X"} else fields[19]


def _started_by_psutil(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return "never" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None
