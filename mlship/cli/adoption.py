"""A service that this journal does not know, put on record as it is found."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from mlship.cli import wiring
from mlship.clock import Clock, SystemClock
from mlship.drivers.base import Observed, Opening
from mlship.drivers.registry import find
from mlship.drivers.remembered import Remembered, Remembering
from mlship.errors import JournalUnavailable, UsageError
from mlship.journal.events import BroughtUp, Promoted, Started
from mlship.journal.holder import this_process
from mlship.journal.state import ServiceState
from mlship.journal.store import Journal, new_rollout_id
from mlship.plan.load import revive
from mlship.plan.model import DriverSpec
from mlship.plan.step import CompiledPlan
from mlship.strategies import compile_plan

DRIVER = "docker"
"""The one driver whose backend remembers."""


def take(service: str, settings: Mapping[str, str]) -> ServiceState:
    """Put the service on record, and hold it from now on; what it is after that.

    Raises:
        UsageError: there is no such service, or this journal is the one that knows it.
    """
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    found, seen = _found(service, settings, clock)
    if journal.state(service).rollout is not None and journal.leases.fence(service) >= found.fence:
        raise UsageError(f"{service} is on record here already", hint=f"`mlship status {service}` shows it")
    if seen.routing is None:
        raise UsageError(f"{service} has no routing", hint=f"`mlship deploy PLAN` begins {service} anew")
    _record(journal, service, found, live=seen.routing.segments[-1][0], clock=clock)
    # Claims the service on the daemon, too.
    wiring.open_fleet(journal.state(service), fence=journal.leases.fence(service), clock=clock)
    return journal.state(service)


def _found(service: str, settings: Mapping[str, str], clock: Clock) -> tuple[Remembered, Observed]:
    spec = DriverSpec(name=DRIVER, settings=settings)
    opening = Opening(service=service, spec=spec, models={}, fence=None, state=wiring.state_folder(), clock=clock)
    driver = find(DRIVER)(opening)
    found = driver.remembered() if isinstance(driver, Remembering) else None
    if found is None:
        raise UsageError(
            f"the Docker daemon knows no service {service!r}", hint="docker ps -a --filter label=mlship.service"
        )
    return found, driver.observe()


def _record(journal: Journal, service: str, found: Remembered, *, live: str, clock: Clock) -> None:
    rollout = new_rollout_id(clock)
    lease = journal.leases.take_over(service, this_process(), rollout=rollout, above=found.fence)
    document = {**found.plan, "models": dict(found.models), "live": live}
    plan = replace(revive(document, base=Path(found.base)), stages=(), candidate=None)
    alone = replace(plan, models={live: plan.models[live]})
    compiled = compile_plan(alone, live=live)
    try:
        if found.live == live:
            journal.append(_started(document, found, compiled), lease=lease)
            journal.append(BroughtUp(model=live), lease=lease)
        else:
            departed = replace(compiled, live=found.live, candidate=live)
            journal.append(_started(document, found, departed), lease=lease)
            journal.append(Promoted(model=live, previous=found.live), lease=lease)
    finally:
        with suppress(JournalUnavailable):
            journal.leases.release(lease)


def _started(document: Mapping[str, object], found: Remembered, compiled: CompiledPlan) -> Started:
    return Started(plan=document, base=found.base, compiled=compiled, by=f"{wiring.myself()}, adopted")
