"""What `doctor` looks at. Every check yields findings and changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlship.cli import wiring
from mlship.clock import SystemClock
from mlship.errors import MlshipError
from mlship.journal.state import ServiceState
from mlship.journal.status import Status
from mlship.journal.store import Journal

Mark = Literal["ok", "warn", "FAIL"]
COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    mark: Mark
    subject: str
    message: str
    hint: str = ""

    @property
    def colour(self) -> str:
        """The colour of the mark."""
        return COLOURS[self.mark]


def examine() -> Iterator[Finding]:
    """All findings, in the order of the path that a rollout takes."""
    yield _python()
    yield _folder()
    yield from _drivers()
    yield from _services()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(mark="ok", subject="python", message=f"{version} on {sys.platform}")


def _folder() -> Finding:
    folder = wiring.state_folder()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if os.access(there, os.W_OK | os.X_OK):
        return Finding(mark="ok", subject="state", message=str(folder))
    return Finding(
        mark="FAIL", subject="state", message=f"{folder} cannot be written", hint="set MLSHIP_STATE to another folder"
    )


def _drivers() -> Iterator[Finding]:
    from importlib.metadata import entry_points

    from mlship.drivers.registry import GROUP, find

    for name in sorted({entry.name for entry in entry_points(group=GROUP)}):
        try:
            factory = find(name)
        except MlshipError as error:
            yield Finding(mark="FAIL", subject=f"driver {name}", message=error.message, hint=error.hint)
            continue
        yield Finding(mark="ok", subject=f"driver {name}", message=", ".join(sorted(factory.capabilities)))


def _services() -> Iterator[Finding]:
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    try:
        states = [journal.state(service) for service in journal.services()]
    except MlshipError as error:
        yield Finding(mark="FAIL", subject="journal", message=error.message, hint=error.hint)
        return
    yield Finding(mark="ok", subject="journal", message=f"{len(states)} services")
    for state in states:
        yield from _run(journal, state)
        yield from _world(state, clock)


def _run(journal: Journal, state: ServiceState) -> Iterator[Finding]:
    rollout = state.rollout
    if rollout is None or rollout.status.over or state.down:
        return
    lease = journal.leases.current(state.service)
    if lease is not None:
        yield Finding(mark="ok", subject=state.service, message=f"{rollout.status}, {lease.holder} is at work")
        return
    on = f"`mlship resume {state.service}` goes on, "
    yield Finding(
        mark="warn",
        subject=state.service,
        message=f"rollout {rollout.rollout} is {rollout.status}, and nobody is at work on it",
        hint=f"{'' if rollout.status is Status.ROLLBACK_INCOMPLETE else on}`mlship rollback {state.service}` goes back",
    )


def _world(state: ServiceState, clock: SystemClock) -> Iterator[Finding]:
    from mlship.views.drift import drift

    try:
        driver, _ = wiring.open_fleet(state, fence=None, clock=clock)
        differences = drift(driver.observe(), state)
    except MlshipError as error:
        yield Finding(mark="FAIL", subject=state.service, message=error.message, hint=error.hint)
        return
    back = f"`mlship rollback {state.service} --to {state.live}` puts it right"
    hint = f"`mlship down {state.service}` stops it" if state.down else back
    for difference in differences:
        yield Finding(mark="warn", subject=state.service, message=difference, hint=hint)
    if not differences:
        yield Finding(mark="ok", subject=state.service, message="everything runs as recorded")
