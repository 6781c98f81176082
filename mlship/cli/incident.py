"""The rollback of somebody on call: take over at once, bring the traffic back, say what was done."""

from __future__ import annotations

from contextlib import suppress

import typer

from mlship.cli import reserve, wiring
from mlship.cli.output import say, unbroken
from mlship.cli.signals import Signals
from mlship.clock import SystemClock
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import incomplete, is_so_already, target_of, way_back_to
from mlship.engine.rollback import roll_back as bring_back
from mlship.errors import JournalUnavailable, LeaseLost, MlshipError
from mlship.journal.events import Recorded, RollbackBegun
from mlship.journal.holder import this_process
from mlship.journal.lease import Lease
from mlship.journal.state import ServiceState
from mlship.journal.status import Status
from mlship.journal.store import Journal

PATIENCE = 5.0
"""Seconds in which a rollback that lost the service to another one looks whether that one comes through."""


def roll_back(service: str | None, *, to: str | None, reason: str) -> None:
    """Take the service over and route everything to the target; a no-op where that is so already.

    Raises:
        RollbackIncomplete: the traffic could not be brought back.
    """
    clock = SystemClock()
    reserve.spend(wiring.state_folder())
    journal = wiring.open_journal(clock)
    name = wiring.only_service(journal, service)
    state = wiring.state_of(journal, name)
    target_of(state, to)
    lease = _take_over(journal, state)
    try:
        with Signals(clock=clock, rolling_back=lambda: True, way_on=lambda: _way_on(name), say=say):
            _work(journal, lease, to=to, reason=reason or "asked for", clock=clock)
    except LeaseLost:
        if not _came_through(journal, name, clock):
            raise
        typer.echo(f"{name}: another rollback was quicker and came through")
    finally:
        # What went wrong before matters more than a lease that cannot be given back: it expires.
        with suppress(JournalUnavailable):
            journal.leases.release(lease)
        reserve.keep(wiring.state_folder())


def _way_on(service: str) -> str:
    return f"`mlship rollback {service}` goes on with it, `mlship status {service}` tells where the traffic is"


def _take_over(journal: Journal, state: ServiceState) -> Lease:
    """The lease of the service's latest rollout, even where one began a moment ago."""
    while True:
        assert state.rollout is not None
        rollout = state.rollout.rollout
        lease = journal.leases.take_over(state.service, this_process(), rollout=rollout)
        state = journal.state(state.service)
        if state.rollout is not None and state.rollout.rollout == rollout:
            return lease


def _work(journal: Journal, lease: Lease, *, to: str | None, reason: str, clock: SystemClock) -> None:
    record = Record(journal=journal, lease=lease, show=unbroken(_tell))
    state, by = record.state, wiring.myself()
    # Where there is nothing to take back, what is live may still not be what serves.
    target = target_of(state, to) or state.live
    assert target is not None
    try:
        driver, models = wiring.open_fleet(state, fence=lease.fence, clock=clock)
        hands = Hands(driver=driver, record=record, clock=clock)
        seen = hands.observe()
    except (LeaseLost, JournalUnavailable):
        raise
    except MlshipError as error:
        record(RollbackBegun(to=target, reason=reason, by=by))
        raise incomplete(record, target, error) from error
    if record.rollout.status.over and is_so_already(target, seen=seen):
        unbroken(typer.echo)(f"{state.service}: nothing to roll back; {target} serves everything")
        return
    way_back = way_back_to(target, {name: model.replicas for name, model in models.items()}, seen=seen)
    bring_back(hands=hands, record=record, clock=clock, way_back=way_back, reason=reason, by=by, seen=seen)


def _came_through(journal: Journal, service: str, clock: SystemClock) -> bool:
    until = clock.now() + PATIENCE
    while clock.now() < until:
        rollout = journal.state(service).rollout
        if rollout is not None and rollout.status is Status.ROLLED_BACK:
            return True
        clock.sleep(0.1)
    return False


def _tell(recorded: Recorded) -> None:
    from mlship.views.sentence import sentence

    typer.echo(sentence(recorded.event))
