"""What `doctor` looks at. Every check yields findings and changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlship.cli import wiring
from mlship.cli.finding import Finding
from mlship.clock import SystemClock
from mlship.errors import JournalUnavailable, MlshipError
from mlship.journal.state import ServiceState
from mlship.journal.store import Journal

SHOWN = 3
"""Paths that a finding names; of more it tells the number."""


def examine(service: str | None = None, *, plan: Path | None = None) -> Iterator[Finding]:
    """All findings, in the order of the path that a rollout takes; of one service, of all, or of a plan's backend.

    Raises:
        UsageError: there is no such service.
        PlanError: the plan has faults.
    """
    from mlship.cli.world import fitness

    asked = wiring.read_plan(plan) if plan else None
    yield _python()
    yield from _folder(wiring.state_folder())
    yield from _drivers()
    yield from fitness(asked, SystemClock()) if asked else _services(service)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(mark="ok", subject="python", message=f"{version} on {sys.platform}")


def _folder(folder: Path) -> Iterator[Finding]:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if file := wiring.in_the_way(folder):
        why, what = f"{file} is no folder", f"move {file} away, or set MLSHIP_STATE to another folder"
        yield Finding(mark="FAIL", subject="state", message=why, hint=what)
    elif not os.access(there, os.W_OK | os.X_OK):
        why, what = f"{folder} cannot be written", f"make {there} writable, or set MLSHIP_STATE to another folder"
        yield Finding(mark="FAIL", subject="state", message=why, hint=what)
    else:
        yield from _kept(folder)


def _kept(folder: Path) -> Iterator[Finding]:
    """Whose the folder and what is in it are, and who else can read it."""
    everything = [folder, *sorted(folder.rglob("*"))] if folder.exists() else []
    told = [(path, status) for path in everything if (status := _status(path)) is not None]
    strange = [path for path, status in told if status.st_uid != os.geteuid()]
    open_ = [path for path, status in told if status.st_mode & 0o077 and not path.is_symlink()]
    if strange:
        what = f"run mlship as the user that it belongs to, or: chown -R {os.geteuid()} {folder}"
        yield Finding(mark="FAIL", subject="state", message=f"{_named(strange)} belongs to another user", hint=what)
    if open_:
        what = f"chmod -R go-rwx {folder}"
        why = f"{_named(open_)} is open to other users; folders are to be 0700, files 0600"
        yield Finding(mark="warn", subject="state", message=why, hint=what)
    if not strange and not open_:
        yield Finding(mark="ok", subject="state", message=str(folder))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _named(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more


def _drivers() -> Iterator[Finding]:
    from importlib.metadata import entry_points

    from mlship.drivers.registry import GROUP, find
    from mlship.drivers.trouble import Equipped

    for name in sorted({entry.name for entry in entry_points(group=GROUP)}):
        subject = f"driver {name}"
        try:
            factory = find(name)
        except MlshipError as error:
            yield Finding(mark="FAIL", subject=subject, message=error.message, hint=error.hint)
            continue
        lacks = list(factory.equipment()) if isinstance(factory, Equipped) else []
        for trouble in lacks:
            yield Finding(mark=trouble.mark, subject=subject, message=trouble.message, hint=trouble.hint)
        if not lacks:
            yield Finding(mark="ok", subject=subject, message=", ".join(sorted(factory.capabilities)))


def _services(service: str | None) -> Iterator[Finding]:
    from mlship.cli.world import findings

    clock = SystemClock()
    if wiring.in_the_way(wiring.state_folder()):
        return  # told with the state folder
    journal = wiring.open_journal(clock)
    try:
        states = _states(journal, service)
    except JournalUnavailable as error:
        yield Finding(mark="FAIL", subject="journal", message=error.message, hint=error.hint)
        return
    yield Finding(
        mark="ok", subject="journal", message=f"{len(states)} {'service' if len(states) == 1 else 'services'}"
    )
    for state in states:
        yield from findings(journal, state, clock)


def _states(journal: Journal, service: str | None) -> Sequence[ServiceState]:
    if service is not None:
        return [wiring.state_of(journal, service)]
    return [journal.state(name) for name in journal.services()]
