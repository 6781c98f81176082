"""A promotion whose labels came late: judged again, told, and rolled back where the plan says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import typer

from mlship.cli import wiring
from mlship.cli.output import unbroken
from mlship.cli.sources import answer_source
from mlship.clock import Clock
from mlship.engine.record import Record
from mlship.engine.review import failed, is_open, review
from mlship.errors import Exit, JournalUnavailable, UsageError
from mlship.journal.holder import this_process
from mlship.journal.lease import Lease
from mlship.journal.status import Status
from mlship.journal.store import Journal
from mlship.plan.labelwatch import LateAction
from mlship.views.sentence import sentence


def reopen(journal: Journal, service: str, clock: Clock, *, tell: Callable[[str], None] = typer.echo) -> bool:
    """Judge the latest promotion by what has become known; False where it has none that is still watched.

    Raises:
        LeaseHeld: another process is at work on the service.
        OutOfReach: the answers cannot be read.
        typer.Exit: the promotion was taken back.
    """
    state = wiring.state_of(journal, service)
    rollout = state.rollout
    assert rollout is not None
    if rollout.status is not Status.PROMOTED or "watch-labels" not in rollout.plan:
        return False
    lease = journal.leases.acquire(service, this_process(), rollout=rollout.rollout)
    try:
        reason = _judge(journal, lease, clock, tell)
    finally:
        # What went wrong before matters more than a lease that cannot be given back: it expires.
        with suppress(JournalUnavailable):
            journal.leases.release(lease)
    if reason:
        _take_back(service, reason)
    return reason is not None


def nothing_to_review(journal: Journal, service: str) -> UsageError:
    """Why there is nothing to judge, and what would change that."""
    rollout = wiring.state_of(journal, service).rollout
    assert rollout is not None
    if "watch-labels" not in rollout.plan:
        return UsageError(
            f"the latest plan of {service} does not watch for late labels",
            hint="write `watch-labels: 7d` into the plan",
        )
    if rollout.status is not Status.PROMOTED:
        return UsageError(
            f"{service}: rollout {rollout.rollout} is {rollout.status}, and nothing was promoted",
            hint="labels that come while a rollout runs are judged by it",
        )
    return UsageError(
        f"the watch for late labels of rollout {rollout.rollout} is over", hint="a longer `watch-labels` keeps it open"
    )


def _judge(journal: Journal, lease: Lease, clock: Clock, tell: Callable[[str], None]) -> str | None:
    """Why the promotion has to be taken back; empty where it has not; None where it is not watched."""
    record = Record(journal=journal, lease=lease, show=unbroken(lambda recorded: tell(sentence(recorded.event))))
    plan = wiring.running_plan(record.rollout)
    watched = plan.watch_labels
    if watched is None or not is_open(record, plan, clock.now()):
        return None
    driver, _ = wiring.open_fleet(record.state, fence=None, clock=clock)
    source = answer_source(plan, driver, clock)
    if source is None:
        return None
    verdict = failed(review(plan=plan, record=record, source=source, clock=clock))
    if verdict is None:
        return ""
    reason = f"late labels: {verdict.name}: {verdict.reason}"
    if watched.then is LateAction.ROLLBACK:
        return reason
    tell(
        f"{lease.service}: the promotion does not hold; bring the old model back with: mlship rollback {lease.service}"
    )
    return ""


def _take_back(service: str, reason: str) -> None:
    from mlship.cli import incident

    incident.roll_back(service, to=None, reason=reason)
    raise typer.Exit(Exit.ROLLED_BACK)
