"""Whole rollouts, told as given, when, then."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.errors import LeaseLost, ModelNotReady, OutOfReach
from mlship.journal.events import Failed, Looked, Reopened, Repaired, RollbackBegun
from mlship.journal.holder import this_process
from mlship.journal.status import Status
from mlship.plan.model import DriverSpec, Model
from mlship.plan.routing import WHOLE
from mlship.plan.step import AtDeadline
from tests.scenarios.rehearsal import Rehearsal
from tests.strategies.plans import blue_green, canary, plan, recreate, rolling

CANARY = canary(500, 2500, 5000)


def test_good_canary(tmp_path: Path) -> None:
    """A harmless candidate goes through every weight and is live at the end."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    assert rollout.start() is Status.PROMOTED
    assert rollout.path() == ["v1 serves", "5 %", "25 %", "50 %", "100 %", "retire v1"]
    assert (rollout.state.live, rollout.weights) == ("v2", {"v2": WHOLE})
    assert set(rollout.driver().observe().models) == {"v2"}


def test_bad_canary(tmp_path: Path) -> None:
    """A candidate that errs is back at 0 in the first step, and stopped; the gate that fell is named."""
    rollout = Rehearsal(tmp_path, plan(CANARY, faults={"error-rate": 0.2}))
    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.path() == ["v1 serves", "5 %"]
    assert rollout.weights == {"v1": WHOLE}
    assert set(rollout.driver().observe().models) == {"v1"}
    assert rollout.state.rollout is not None
    assert "failed" in rollout.state.rollout.reason


def test_slow_candidate(tmp_path: Path) -> None:
    """A candidate that is much slower is rolled back for its latency."""
    rollout = Rehearsal(tmp_path, plan(CANARY, faults={"latency": 0.2}))
    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.state.rollout is not None
    assert rollout.state.rollout.reason.startswith("not-slower")


def test_late_damage(tmp_path: Path) -> None:
    """A candidate that begins to err in the bake is rolled back, to a model that is still warm."""
    rollout = Rehearsal(tmp_path, plan(CANARY, bake=600.0, faults={"error-rate": 0.3, "errs-after": 400.0}))
    assert rollout.start() is Status.ROLLED_BACK
    assert "100 %" in rollout.path()
    assert rollout.weights == {"v1": WHOLE}


def test_never_ready(tmp_path: Path) -> None:
    """A candidate that never gets ready never gets a request, and is no reason to stop serving."""
    rollout = Rehearsal(tmp_path, plan(CANARY, faults={"never-ready": True}))
    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}
    assert "v2" not in rollout.driver().measure().models
    assert any(isinstance(recorded.event, Failed) for recorded in rollout.events)


def test_dies_in_the_middle(tmp_path: Path) -> None:
    """A candidate whose replicas die is rolled back at the next look."""
    rollout = Rehearsal(tmp_path, plan(CANARY, faults={"dies-after": 45.0}))
    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}


def test_live_never_ready(tmp_path: Path) -> None:
    """When the live model itself does not come up, nothing else is tried: parked, and the error says so."""
    models = {"v1": Model(name="v1", faults={"never-ready": True}), "v2": Model(name="v2")}
    rollout = Rehearsal(tmp_path, plan(CANARY, models=models))
    with pytest.raises(ModelNotReady):
        rollout.start()
    assert (rollout.status, rollout.weights) == (Status.PARKED, {})


def test_monitoring_outage_holds(tmp_path: Path) -> None:
    """An outage of the numbers holds the traffic where it is; afterwards the rollout goes on and ends well."""
    rollout = Rehearsal(tmp_path, plan(CANARY, driver=DriverSpec(name="memory", settings={"outage": [20, 200]})))
    assert rollout.start() is Status.PROMOTED
    outcomes = {v.outcome for r in rollout.events if isinstance(r.event, Looked) for v in r.event.verdicts}
    assert "blind" in outcomes


def test_no_traffic_is_no_pass(tmp_path: Path) -> None:
    """A run that saw no data is rolled back at its deadline, or parked where the plan says so; never passed."""
    idle = DriverSpec(name="memory", settings={"rate": 0})
    back = Rehearsal(tmp_path / "back", plan(canary(5000, at_most=300.0), driver=idle))
    assert (back.start(), back.weights) == (Status.ROLLED_BACK, {"v1": WHOLE})
    parked = Rehearsal(tmp_path / "park", plan(canary(5000, at_most=300.0, at_deadline=AtDeadline.PARK), driver=idle))
    assert (parked.start(), parked.weights) == (Status.PARKED, {"v1": 5000, "v2": 5000})


def test_router_refuses(tmp_path: Path) -> None:
    """A router that refuses a routing leaves the one before live; the run parks and says so."""
    rollout = Rehearsal(tmp_path, plan(CANARY, driver=DriverSpec(name="memory", settings={"refuse": 1})))
    with pytest.raises(OutOfReach):
        rollout.start()
    assert rollout.status is Status.PARKED
    assert rollout.resume() is Status.PROMOTED


def test_router_dies(tmp_path: Path) -> None:
    """A router that died is started again with the same routing; its counters are not taken for negative traffic."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.driver().kill_router()
    assert rollout.resume() is Status.PROMOTED
    assert any(isinstance(recorded.event, Repaired) for recorded in rollout.events)


def test_live_dies(tmp_path: Path) -> None:
    """A live model that died in the middle is brought back, and the candidate is not blamed."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.driver().kill("v1")
    assert rollout.resume() is Status.PROMOTED


def test_blue_green(tmp_path: Path) -> None:
    """Green takes everything at once and blue goes when the bake is over."""
    rollout = Rehearsal(tmp_path, plan(blue_green()))
    assert rollout.start() is Status.PROMOTED
    assert rollout.path() == ["v1 serves", "green is up", "switch", "retire v1"]


def test_blue_green_bad(tmp_path: Path) -> None:
    """A green that errs gives everything back to blue."""
    rollout = Rehearsal(tmp_path, plan(blue_green(), faults={"error-rate": 0.3}))
    assert (rollout.start(), rollout.weights) == (Status.ROLLED_BACK, {"v1": WHOLE})


def test_rolling(tmp_path: Path) -> None:
    """Replicas are replaced one by one; at the end only new ones run."""
    rollout = Rehearsal(tmp_path, plan(rolling(), replicas=3))
    assert rollout.start() is Status.PROMOTED
    models = rollout.driver().observe().models
    assert {name: model.ready for name, model in models.items()} == {"v2": 3}


def test_rolling_bad(tmp_path: Path) -> None:
    """A bad candidate half-way through a rolling update: the old replicas come back before the traffic does."""
    rollout = Rehearsal(tmp_path, plan(rolling(), replicas=3, faults={"error-rate": 0.3, "errs-after": 40.0}))
    assert rollout.start() is Status.ROLLED_BACK
    models = rollout.driver().observe().models
    assert ({name: model.ready for name, model in models.items()}, rollout.weights) == ({"v1": 3}, {"v1": WHOLE})


def test_recreate(tmp_path: Path) -> None:
    """Recreate reports its downtime, which is at least what the new model takes to start."""
    rollout = Rehearsal(tmp_path, plan(recreate(), faults={"start": 12.0}))
    assert rollout.start() is Status.PROMOTED
    (downtime,) = [r.event.downtime for r in rollout.events if isinstance(r.event, Reopened)]
    assert downtime >= 12.0


def test_recreate_fails(tmp_path: Path) -> None:
    """When the new model does not come up, the old one is started again and the door opens."""
    rollout = Rehearsal(tmp_path, plan(recreate(), faults={"never-ready": True}))
    assert rollout.start() is Status.ROLLED_BACK
    observed = rollout.driver().observe()
    assert observed.routing is not None
    assert (rollout.weights, observed.routing.closed, observed.models["v1"].ready) == ({"v1": WHOLE}, False, 1)


def test_bring_up(tmp_path: Path) -> None:
    """A plan with one model brings it up and is done."""
    only = plan(models={"v1": Model(name="v1")}, candidate=None)
    rollout = Rehearsal(tmp_path, only)
    assert (rollout.start(), rollout.weights) == (Status.BROUGHT_UP, {"v1": WHOLE})


def test_reopening_fails(tmp_path: Path) -> None:
    """A router that refuses to open the door on the new model: the old one serves again, nobody is left outside."""
    settings = {"refuse": 1, "refuse-after": 2}
    rollout = Rehearsal(tmp_path, plan(recreate(), driver=DriverSpec(name="memory", settings=settings)))
    assert (rollout.start(), rollout.weights) == (Status.ROLLED_BACK, {"v1": WHOLE})


def test_cut_rollback_keeps_its_target(tmp_path: Path) -> None:
    """A rollback to a named model that was cut short goes on to that model, not to another."""
    models = {name: Model(name=name) for name in ("v0", "v1", "v2")}
    rollout = Rehearsal(tmp_path, plan(CANARY, models=models))
    rollout.start(kill_at_look=2)
    lease = rollout.journal.leases.take_over("scorer", this_process(), rollout=rollout.rollout)
    rollout.journal.append(RollbackBegun(to="v0", reason="pager", by="oncall"), lease=lease)
    assert (rollout.resume(), rollout.weights) == (Status.ROLLED_BACK, {"v0": WHOLE})


def test_rollback_takes_over(tmp_path: Path) -> None:
    """A rollback from another shell ends the run at work, which touches nothing any more."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    journal, service = rollout.journal, rollout.plan.service
    lease = journal.leases.take_over(service, this_process(), rollout=rollout.rollout)
    stale = rollout.run(journal, lease)
    assert rollout.roll_back() is Status.ROLLED_BACK
    with pytest.raises(LeaseLost):
        stale.go()
    assert rollout.state.rollout is not None
    with pytest.raises(LeaseLost):
        rollout.driver(lease.fence).route(rollout.state.rollout.compiled.steps[2].routing)
    assert rollout.weights == {"v1": WHOLE}


def test_rollback_twice(tmp_path: Path) -> None:
    """A second rollback finds nothing to do."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.roll_back()
    events = len(rollout.events)
    assert (rollout.roll_back(), len(rollout.events)) == (Status.ROLLED_BACK, events)


def test_rollback_after_promotion(tmp_path: Path) -> None:
    """After a promotion the old model is brought back before it gets the traffic."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    assert rollout.start() is Status.PROMOTED
    assert rollout.roll_back() is Status.ROLLED_BACK
    assert (rollout.state.live, rollout.weights) == ("v1", {"v1": WHOLE})
    assert set(rollout.driver().observe().models) == {"v1"}
