"""What of one service is not as recorded, and which command puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlship.cli import wiring
from mlship.cli.finding import Finding
from mlship.errors import MlshipError, UsageError
from mlship.journal.status import Status

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.drivers.base import Driver, Observed
    from mlship.drivers.trouble import Trouble
    from mlship.journal.lease import Lease
    from mlship.journal.state import ServiceState
    from mlship.journal.store import Journal
    from mlship.plan.model import Plan


def findings(journal: Journal, state: ServiceState, clock: Clock) -> Iterator[Finding]:
    """The run, and then the world: the driver's own troubles, what differs from the record, what is left over."""
    lease = journal.leases.current(state.service)
    yield from _run(state, lease)
    found: list[Finding] = []
    try:
        driver, _ = wiring.open_fleet(state, fence=None, clock=clock)
        found += _troubles(driver, state, fence=journal.leases.fence(state.service), lease=lease)
        found += _differences(driver, state, lease)
    except MlshipError as error:
        # A router that hangs has been told already, in better words than those of whoever asks it next.
        if not any(finding.mark == "FAIL" for finding in found):
            found.append(Finding(mark="FAIL", subject=state.service, message=error.message, hint=error.hint))
    yield from found or [Finding(mark="ok", subject=state.service, message="everything runs as recorded")]


def fitness(plan: Plan, clock: Clock) -> Iterator[Finding]:
    """What stands in the way of a plan's deploy, as far as its driver can tell; most likely it is the first."""
    from mlship.drivers.trouble import SelfExamining

    found: list[Finding] = []
    try:
        leases = wiring.open_journal(clock).leases
        fence, held = leases.fence(plan.service), leases.current(plan.service) is not None
        driver = wiring.open_driver(plan, fence=None, clock=clock)
        troubles = driver.troubles(fence=fence, held=held) if isinstance(driver, SelfExamining) else ()
        found += (_finding(plan.service, trouble) for trouble in troubles)
    except MlshipError as error:
        found.append(Finding(mark="FAIL", subject=plan.service, message=error.message, hint=error.hint))
    ready = Finding(mark="ok", subject=plan.service, message=f"nothing of driver {plan.driver.name} is in the way")
    yield from found or [ready]


def differences(state: ServiceState, clock: Clock) -> tuple[tuple[str, ...], str]:
    """One sentence per difference to the record, what cannot be looked at is one, too; and what puts them right."""
    from mlship.views.drift import drift

    try:
        driver, _ = wiring.open_fleet(state, fence=None, clock=clock)
        observed = driver.observe()
        return drift(observed, state), remedy(state, None, observed)
    except UsageError as error:
        # What is missing in this environment no command puts right.
        return (error.message,), error.hint
    except MlshipError as error:
        return (error.message,), remedy(state, None)


def remedy(state: ServiceState, lease: Lease | None, observed: Observed | None = None) -> str:
    """What puts right what is not as recorded; no command does before the router answers that nobody can ask."""
    silent = lease is None and observed is not None and observed.unreachable
    return f"start what does not answer; then {_command(state, lease)}" if silent else _command(state, lease)


def _command(state: ServiceState, lease: Lease | None) -> str:
    name, rollout = state.service, state.rollout
    if state.down:
        return f"`mlship down {name}` stops it"
    if lease is not None:
        return f"{lease.holder} is at work and looks after it: `mlship watch {name}`"
    if rollout is not None and rollout.status is Status.RUNNING:
        return f"`mlship resume {name}` puts it right and goes on, `mlship rollback {name}` goes back"
    if rollout is not None and rollout.status in {Status.ROLLING_BACK, Status.ROLLBACK_INCOMPLETE}:
        return f"`mlship rollback {name}` puts it right"
    return f"`mlship doctor {name} --repair` puts it right"


def _run(state: ServiceState, lease: Lease | None) -> Iterator[Finding]:
    rollout = state.rollout
    if rollout is None or rollout.status.over or state.down:
        return
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


def _troubles(driver: Driver, state: ServiceState, *, fence: int, lease: Lease | None) -> Iterator[Finding]:
    from mlship.drivers.trouble import SelfExamining

    if not isinstance(driver, SelfExamining):
        return
    for trouble in driver.troubles(fence=fence, held=lease is not None):
        yield _finding(state.service, trouble)


def _finding(service: str, trouble: Trouble) -> Finding:
    return Finding(mark=trouble.mark, subject=service, message=trouble.message, hint=trouble.hint)


def _differences(driver: Driver, state: ServiceState, lease: Lease | None) -> Iterator[Finding]:
    """A run at work puts right what it can, and may be in the middle of a change: then nothing is broken yet."""
    from mlship.views.drift import drift, leftovers

    observed = driver.observe()
    hint = remedy(state, lease, observed)
    for difference in drift(observed, state):
        yield Finding(mark="warn" if lease else "FAIL", subject=state.service, message=difference, hint=hint)
    for model in leftovers(observed, state) if lease is None else ():
        count = observed.models[model].running
        message = f"{model} runs ({count}), and nothing recorded explains it"
        yield Finding(mark="warn", subject=state.service, message=message, hint=hint)
