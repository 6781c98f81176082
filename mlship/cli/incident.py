"""The rollback of somebody on call: take over at once, bring the traffic back, say what was done."""

from __future__ import annotations

import typer

from mlship.cli import wiring
from mlship.clock import SystemClock
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import is_so_already, target_of, way_back_to
from mlship.engine.rollback import roll_back as bring_back
from mlship.journal.events import Recorded
from mlship.journal.holder import this_process
from mlship.journal.lease import Lease
from mlship.journal.state import ServiceState
from mlship.journal.store import Journal


def roll_back(service: str | None, *, to: str | None, reason: str) -> None:
    """Take the service over and route everything to the target; a no-op where that is so already.

    Raises:
        RollbackIncomplete: the traffic could not be brought back.
    """
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = wiring.state_of(journal, wiring.only_service(journal, service))
    target = target_of(state, to)
    if target is None:
        typer.echo(f"{state.service}: nothing to roll back; {state.live or 'nothing'} is live")
        return
    assert state.rollout is not None
    lease = journal.leases.take_over(state.service, this_process(), rollout=state.rollout.rollout)
    try:
        _bring_back(journal, lease, state, target=target, reason=reason or "asked for")
    finally:
        journal.leases.release(lease)


def _bring_back(journal: Journal, lease: Lease, state: ServiceState, *, target: str, reason: str) -> None:
    clock = SystemClock()
    record = Record(journal=journal, lease=lease, show=_tell)
    driver, models = wiring.open_fleet(state, fence=lease.fence, clock=clock)
    hands = Hands(driver=driver, record=record, clock=clock)
    seen = hands.observe()
    if state.rollout is not None and state.rollout.status.over and is_so_already(target, seen=seen):
        typer.echo(f"{state.service}: nothing to roll back; {target} serves everything")
        return
    way_back = way_back_to(target, {name: model.replicas for name, model in models.items()}, seen=seen)
    bring_back(hands=hands, record=record, clock=clock, way_back=way_back, reason=reason, by=wiring.myself(), seen=seen)


def _tell(recorded: Recorded) -> None:
    from mlship.views.sentence import sentence

    typer.echo(sentence(recorded.event))
