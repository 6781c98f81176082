"""`mlship doctor --repair`: under the lease, journalled, nothing decided anew."""

from __future__ import annotations

from contextlib import suppress

import typer

from mlship.cli import wiring
from mlship.cli.output import unbroken
from mlship.clock import SystemClock
from mlship.drivers.base import Driver
from mlship.drivers.trouble import SelfExamining
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.repair import refuse
from mlship.engine.repair import repair as put_right
from mlship.errors import JournalUnavailable, OutOfReach
from mlship.journal.events import Recorded
from mlship.journal.holder import this_process
from mlship.journal.lease import Heartbeat


def repair(service: str | None) -> str:
    """Put right what is not as recorded; the name of the service.

    Raises:
        UsageError: a rollout must go on or back first.
        ServiceHeld: a run is at work, and looks after it.
        OutOfReach: something could not be put right.
    """
    from mlship.cli.launch import refuse_held

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = wiring.state_of(journal, wiring.only_service(journal, service))
    refuse_held(journal, state.service)
    refuse(state)
    assert state.rollout is not None
    lease = journal.leases.acquire(state.service, this_process(), rollout=state.rollout.rollout)
    try:
        with Heartbeat(journal.leases, lease, wake=clock.wake):
            record = Record(journal=journal, lease=lease, show=unbroken(_tell))
            refuse(record.state)
            driver, _ = wiring.open_fleet(record.state, fence=lease.fence, clock=clock)
            _refuse_frozen(driver, fence=lease.fence)
            count = put_right(hands=Hands(driver=driver, record=record, clock=clock), record=record, by=wiring.myself())
    finally:
        # What went wrong before matters more than a lease that cannot be given back: it expires.
        with suppress(JournalUnavailable):
            journal.leases.release(lease)
    if not count:
        unbroken(typer.echo)(f"{state.service}: nothing to repair")
    return state.service


def _refuse_frozen(driver: Driver, *, fence: int) -> None:
    """A router that hangs is left to a person: to end a process that runs is no repair."""
    if not isinstance(driver, SelfExamining):
        return
    for trouble in driver.troubles(fence=fence, held=True):
        if trouble.grave:
            raise OutOfReach(trouble.message, hint=trouble.hint)


def _tell(recorded: Recorded) -> None:
    from mlship.views.sentence import sentence

    typer.echo(sentence(recorded.event))
