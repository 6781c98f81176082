"""Detached processes that outlive the command that starts them.

A process is known by its id and the moment of its birth, so that an id which the system gave to somebody else is never
taken for it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlship.clock import Clock

if TYPE_CHECKING:
    import subprocess

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this process: kept so that they can be reaped, and their exit codes told."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a process, and of the group that it leads."""

    pid: int
    birth: str


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    workdir: str | None = None,
    umask: int = -1,
) -> Life:
    """Start a process in a session of its own, its output appended to `log`; -1 leaves it this process's umask.

    Raises:
        OSError: the command cannot be started.
    """
    import subprocess

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            command,
            env=env,
            cwd=workdir,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=umask,
        )
    finally:
        os.close(descriptor)
    _CHILDREN[child.pid] = child
    return Life(pid=child.pid, birth=_birth(child.pid) or "")


def runs(life: Life) -> bool:
    """That very process runs: not one that got its id later, not one that is only waiting to be reaped."""
    exit_code(life)
    return life.pid > 0 and _birth(life.pid) == life.birth != ""


def exit_code(life: Life) -> int | None:
    """How it ended, as far as this process can know: only for its own children."""
    child = _CHILDREN.get(life.pid)
    return child.poll() if child else None


def life_of(pid: int) -> Life | None:
    """The process with that id, if it runs."""
    birth = _birth(pid)
    return Life(pid=pid, birth=birth) if birth else None


def _birth(pid: int) -> str | None:
    """When the process was born, in whatever unit the system counts; None if it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _asked_birth(pid)
    except OSError:
        return None
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{_boot()}:{ticks}"


def _boot() -> str:
    # Ticks count from the boot of the machine: after another boot the same id and ticks are another process.
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()[:8]
    except OSError:
        return ""


def _asked_birth(pid: int) -> str | None:
    """For systems without /proc; psutil takes longer to import than to ask."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def marked(name: str, value: str) -> Iterator[Life]:
    """Processes that run with `name=value` in their environment."""
    import psutil

    for process in psutil.process_iter():
        try:
            life = life_of(process.pid) if process.environ().get(name) == value else None
        except psutil.Error:
            continue
        if life:
            yield life


def stop(lives: Sequence[Life], *, grace: float, clock: Clock) -> None:
    """Ask the processes and their groups to end; after `grace` seconds make them."""
    signalled = [life for life in lives if _signal(life, signal.SIGTERM)]
    deadline = clock.now() + grace
    while clock.now() < deadline and any(_group_runs(life) for life in signalled):
        clock.sleep(0.02)
    for life in signalled:
        _signal(life, signal.SIGKILL)
    deadline = clock.now() + 5.0
    while clock.now() < deadline and any(runs(life) for life in signalled):
        clock.sleep(0.02)


def _signal(life: Life, number: signal.Signals) -> bool:
    if not _group_runs(life):
        return False
    try:
        os.killpg(life.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _group_runs(life: Life) -> bool:
    """The process runs, or children that it left behind in its group do.

    An id is not given away again while a group goes by it: no process of that id, but a group, is what ours left.
    """
    if runs(life):
        return True
    if life.pid <= 0 or _birth(life.pid) is not None:
        return False
    try:
        os.killpg(life.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
