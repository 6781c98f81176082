"""What should be there by the record, whatever happened, and how it is brought back when no run is at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.repair import refuse, repair
from mlship.errors import ModelNotReady, UsageError
from mlship.journal.events import Repaired, Taken
from mlship.journal.holder import this_process
from mlship.journal.standing import Standing, standing
from mlship.journal.state import ServiceState
from mlship.journal.status import Status
from mlship.plan.model import DriverSpec
from mlship.plan.routing import all_to
from mlship.plan.step import AtDeadline
from mlship.views.drift import drift, leftovers
from tests.scenarios.rehearsal import Rehearsal
from tests.scenarios.test_crashes import PLANS
from tests.strategies.plans import canary, plan


def put_right(rollout: Rehearsal) -> int:
    """`doctor --repair`."""
    lease = rollout.journal.leases.acquire(rollout.plan.service, this_process(), rollout=rollout.rollout)
    record = Record(journal=rollout.journal, lease=lease)
    hands = Hands(driver=rollout.driver(lease.fence), record=record, clock=rollout.clock)
    try:
        return repair(hands=hands, record=record, by="ann")
    finally:
        rollout.journal.leases.release(lease)


def wrong(rollout: Rehearsal) -> tuple[str, ...]:
    """What `doctor` finds."""
    seen = rollout.driver().observe()
    return (*drift(seen, rollout.state), *leftovers(seen, rollout.state))


@pytest.mark.parametrize("name", PLANS)
def test_no_false_alarm(name: str, tmp_path: Path) -> None:
    """Wherever a run is cut short, nothing is wrong that no act under way explains; at its end nothing at all."""
    whole = Rehearsal(tmp_path / "whole", PLANS[name])
    whole.start()
    assert wrong(whole) == ()
    for event in range(1, len(whole.events)):
        cut = Rehearsal(tmp_path / str(event), PLANS[name])
        cut.start(kill_after=event)
        rollout = cut.state.rollout
        assert rollout is not None
        if rollout.pending is None:
            assert wrong(cut) == (), f"cut after {event}"


@pytest.mark.parametrize("fault", ["model", "router", "both", "leftover"])
@pytest.mark.parametrize("end", [Status.PROMOTED, Status.ROLLED_BACK])
def test_what_died_comes_back(fault: str, end: Status, tmp_path: Path) -> None:
    """Models, router and leftovers are put right and recorded; status, live model and traffic are what they were."""
    rollout = Rehearsal(tmp_path, plan(canary(5000), replicas=2))
    assert rollout.start() is Status.PROMOTED
    if end is Status.ROLLED_BACK:
        rollout.roll_back("v1")
    before, weights, live = rollout.state, rollout.weights, rollout.state.live
    assert live is not None
    other = {"v1": "v2", "v2": "v1"}[live]
    if fault in {"model", "both"}:
        rollout.driver().kill(live)
    if fault in {"router", "both"}:
        rollout.driver().kill_router()
    if fault == "leftover":
        lease = rollout.journal.leases.acquire(rollout.plan.service, this_process(), rollout=rollout.rollout)
        rollout.driver(lease.fence).ensure(other, 1)
        rollout.journal.leases.release(lease)
    assert wrong(rollout) != ()

    assert put_right(rollout) == (2 if fault == "both" else 1)

    assert (wrong(rollout), rollout.weights) == ((), weights)
    assert (rollout.status, rollout.state.live, rollout.state.previous) == (end, live, before.previous)
    told = [recorded.event for recorded in rollout.events if recorded.seq > before.seq]
    assert told[0] == Taken(by="ann", reason="repair")
    assert sum(isinstance(event, Repaired) for event in told) == (2 if fault == "both" else 1)
    assert put_right(rollout) == 0


def test_one_failure_stops_nothing_else(tmp_path: Path) -> None:
    """Where the live model does not come up, the router still does; the failure is raised and recorded."""
    rollout = Rehearsal(tmp_path, plan(canary(5000)))
    rollout.start()
    rollout.driver().kill("v2")
    rollout.driver().kill_router()
    rollout.plan = plan(canary(5000), faults={"never-ready": True})

    with pytest.raises(ModelNotReady):
        put_right(rollout)

    assert any("does not run" in sentence for sentence in wrong(rollout))
    assert not any(recorded.event == Repaired(what="v2 serves again") for recorded in rollout.events)


def test_a_parked_rollout_stays_parked(tmp_path: Path) -> None:
    """Both models of a split come back at their shares, and the rollout is parked as it was."""
    idle = DriverSpec(name="memory", settings={"rate": 0})
    rollout = Rehearsal(tmp_path, plan(canary(5000, at_most=300.0, at_deadline=AtDeadline.PARK), driver=idle))
    assert rollout.start() is Status.PARKED
    refuse(rollout.state)
    for model in ("v1", "v2"):
        rollout.driver().kill(model)

    assert put_right(rollout) == 2

    assert (wrong(rollout), rollout.status, rollout.weights) == ((), Status.PARKED, {"v1": 5000, "v2": 5000})


def test_a_run_that_was_cut_short_goes_on_or_back(tmp_path: Path) -> None:
    """A repair decides nothing: with a rollout half-way it is refused, and the commands that decide are named."""
    rollout = Rehearsal(tmp_path, plan(canary(5000)))
    rollout.start(kill_at_look=1)
    with pytest.raises(UsageError, match="cut short") as refused:
        refuse(rollout.state)

    assert "mlship resume" in refused.value.hint
    assert "mlship rollback" in refused.value.hint


def test_a_service_that_is_down_is_not_repaired() -> None:
    """What was stopped on purpose stays stopped; the command that brings it up is named."""
    with pytest.raises(UsageError, match="down") as down:
        refuse(ServiceState(service="scorer", down=True))
    assert "mlship deploy" in down.value.hint


def test_nothing_is_asked_of_the_unknown() -> None:
    """A service without a rollout, or torn down, asks for nothing."""
    assert standing(ServiceState(service="scorer")) == Standing()
    assert standing(ServiceState(service="scorer", down=True)) == Standing()


def test_after_a_rollback_only_its_target(tmp_path: Path) -> None:
    """What was rolled back is explained no more."""
    rollout = Rehearsal(tmp_path, plan(canary(5000), faults={"error-rate": 0.5}))
    assert rollout.start() is Status.ROLLED_BACK
    due = standing(rollout.state)
    assert (due.routing, dict(due.least), due.explained) == (all_to("v1"), {"v1": 1}, frozenset({"v1"}))
