"""A rollout in this process: lease, heartbeat, signals, view, run, exit code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress

from mlship.cli import reserve, wiring
from mlship.cli.endings import EXITS
from mlship.cli.output import say, unbroken
from mlship.cli.signals import Signals
from mlship.cli.sources import sources
from mlship.clock import SystemClock
from mlship.engine.record import Record
from mlship.engine.run import Run
from mlship.errors import Exit, JournalUnavailable, LeaseLost, UsageError
from mlship.journal.events import Event, Parked
from mlship.journal.holder import this_process
from mlship.journal.lease import Heartbeat, Lease
from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.journal.store import Journal
from mlship.views.view import View

PATIENCE = 5.0
"""Seconds in which a run that lost its service looks what the other one makes of it."""


def conduct(
    journal: Journal,
    *,
    service: str,
    rollout: str,
    opening: Callable[[], Event],
    view: View,
    clock: SystemClock,
    once: bool = False,
) -> Exit:
    """Hold the service and work on the rollout until it is over or parked. `opening` makes the first event.

    Raises:
        ServiceHeld: another process holds the service.
    """
    lease = journal.leases.acquire(service, this_process(), rollout=rollout)
    reserve.keep(wiring.state_folder())
    try:
        with closing(_Closing(view)), Heartbeat(journal.leases, lease, wake=clock.wake):
            journal.append(opening(), lease=lease)
            ended = _work(journal, lease, view=view, clock=clock, once=once)
    except LeaseLost as lost:
        ended = superseded(journal, service, lost)
    finally:
        # What went wrong before matters more than a lease that cannot be given back: it expires.
        with suppress(JournalUnavailable):
            journal.leases.release(lease)
    if ended is Exit.INTERRUPTED:
        # Below the dashboard, where it stays.
        say(where(journal.state(service)))
    return ended


class _Closing:
    """A view whose reader may be gone when it is closed."""

    def __init__(self, view: View) -> None:
        self.close = unbroken(view.close)


def _work(journal: Journal, lease: Lease, *, view: View, clock: SystemClock, once: bool) -> Exit:
    show = unbroken(view.show)
    for recorded in journal.read(lease.service, rollout=lease.rollout):
        show(recorded)
    record = Record(journal=journal, lease=lease, show=show)
    signals = Signals(
        clock=clock,
        rolling_back=lambda: record.rollout.status is Status.ROLLING_BACK,
        way_on=lambda: where(record.state),
        say=say,
    )
    with signals:
        try:
            return EXITS[_run(record, fence=lease.fence, clock=clock).go(once=once)]
        except KeyboardInterrupt:
            return Exit.INTERRUPTED
        except UsageError as error:
            if record.rollout.status is Status.RUNNING:
                record(Parked(reason=error.message))
            # A rollout has begun, and exit code 2 would say that nothing was touched.
            error.exit_code = Exit.OUT_OF_REACH
            raise


def _run(record: Record, *, fence: int, clock: SystemClock) -> Run:
    driver, models = wiring.open_fleet(record.state, fence=fence, clock=clock)
    plan = wiring.running_plan(record.rollout)
    return Run(
        plan=plan,
        record=record,
        driver=driver,
        clock=clock,
        by=wiring.myself(),
        replicas={name: model.replicas for name, model in models.items()},
        sources=sources(plan, driver, clock),
    )


def where(state: ServiceState) -> str:
    """Where the traffic of a service with a rollout is, and how to go on."""
    rollout, service = state.rollout, state.service
    assert rollout is not None
    way = f"`mlship resume {service}` goes on, `mlship rollback {service}` goes back"
    return f"{rollout.status}; traffic: {_traffic(rollout)}; {way}"


def _traffic(rollout: RolloutState) -> str:
    pending = rollout.pending
    if pending is not None and pending.routing is not None and pending.routing.shift:
        return "the backend goes on moving it by itself, `mlship resume` waits for it"
    if pending is not None and pending.verb == "route":
        return "an act was cut short, `mlship doctor` tells what is there"
    if rollout.asked is None:
        return "unchanged"
    if rollout.asked.closed:
        return "CLOSED, every request gets 503"
    return ", ".join(f"{model} {weight / 100:g} %" for model, weight in rollout.asked.weights.items())


def superseded(journal: Journal, service: str, lost: LeaseLost) -> Exit:
    """Another process took over: what it does with the rollout is this one's end, too."""
    say(f"{lost.message}; this run stopped and touched nothing more")
    clock = SystemClock()
    until = clock.now() + PATIENCE
    while _status(journal, service) is Status.RUNNING and clock.now() < until:
        clock.sleep(0.1)
    rolled_back = _status(journal, service) in {Status.ROLLING_BACK, Status.ROLLED_BACK}
    return Exit.ROLLED_BACK if rolled_back else Exit.HELD


def _status(journal: Journal, service: str) -> Status | None:
    rollout = journal.state(service).rollout
    return rollout.status if rollout else None
