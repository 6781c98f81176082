"""Orders from any terminal to the run at work, through the journal."""

from __future__ import annotations

from mlship.cli import wiring
from mlship.cli.output import say
from mlship.clock import SystemClock
from mlship.errors import RollbackIncomplete, UsageError
from mlship.journal.events import Requested
from mlship.journal.state import RolloutState
from mlship.journal.status import Status
from mlship.plan.gatebook import signatures


def active(service: str | None) -> tuple[str, RolloutState]:
    """The service, and its rollout that is not over yet.

    Raises:
        UsageError: there is none.
    """
    journal = wiring.open_journal(SystemClock())
    name = wiring.only_service(journal, service)
    rollout = wiring.state_of(journal, name).rollout
    assert rollout is not None
    if rollout.status.over:
        raise UsageError(
            f"{name} has no rollout under way: the last one is {rollout.status}", hint="nothing was changed"
        )
    return name, rollout


def unsigned(rollout: RolloutState) -> tuple[str, ...]:
    """Manual gates of the step at work that nobody has signed off."""
    step = rollout.current
    if step is None or rollout.signed:
        return ()
    manual = signatures(wiring.running_plan(rollout).gates)
    return tuple(name for name in step.gates if name in manual)


def request(service: str, rollout: RolloutState, order: str, *, reason: str = "", full: bool = False) -> None:
    """Write an order into the journal; the run at work reads it within a second, one that is parked when it resumes.

    Raises:
        UsageError: the rollout is in no state to follow it.
    """
    if rollout.status is Status.PARKED and order not in {"approve", "promote"}:
        raise UsageError(
            f"{service} is parked: {rollout.reason}",
            hint=f"`mlship resume {service}` goes on, `mlship rollback {service}` goes back",
        )
    if rollout.status not in {Status.RUNNING, Status.PARKED}:
        raise UsageError(f"{service} is {rollout.status}", hint=f"`mlship status {service}` tells more")
    event = Requested(order=order, by=wiring.myself(), reason=reason, full=full)
    journal = wiring.open_journal(SystemClock())
    journal.request(event, service=service, rollout=rollout.rollout)
    if journal.leases.current(service) is None:
        say(f"nobody is at work on {service}: `mlship resume {service}` carries it out")


def refuse_incomplete(service: str, rollout: RolloutState) -> None:
    """Going on makes no sense after a rollback that did not come through.

    Raises:
        RollbackIncomplete: the last rollback failed.
    """
    if rollout.status is Status.ROLLBACK_INCOMPLETE:
        raise RollbackIncomplete(
            f"{service}: the rollback did not come through: {rollout.reason}",
            hint=f"put that right and run `mlship rollback {service}` again",
        )
