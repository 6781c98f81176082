"""kill -9 after every event: nothing is lost, and every way on reaches the same end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlship.journal.events import Entered, Looked, RollbackBegun
from mlship.journal.fold import fold
from mlship.journal.status import Status
from mlship.plan.model import AnyStage, Plan
from mlship.plan.routing import WHOLE
from mlship.plan.verdict import Outcome
from tests.scenarios.rehearsal import Rehearsal
from tests.scenarios.test_shadow import challenged, shadow
from tests.strategies.plans import blue_green, canary, plan, recreate, rolling

PLANS = {
    "good canary": plan(canary(500, 5000)),
    "bad canary": plan(canary(500, 5000), faults={"error-rate": 0.2}),
    "never ready": plan(canary(500, 5000), faults={"never-ready": True}),
    "blue-green": plan(blue_green()),
    "rolling": plan(rolling(), replicas=2),
    "shadow, then canary": challenged(shadow(), canary(5000), v2={"error-rate": 0.3}),
    "recreate": plan(recreate(), faults={"start": 5.0}),
}
ENDS = {"good canary": "v2", "blue-green": "v2", "rolling": "v2", "recreate": "v2", "shadow, then canary": "v3"}


@pytest.mark.parametrize("name", PLANS)
def test_resume_after_every_event(name: str, tmp_path: Path) -> None:
    """Killed after any event, `resume` reaches the end that an uninterrupted run reaches."""
    whole = Rehearsal(tmp_path / "whole", PLANS[name])
    end = whole.start()
    for event in range(1, len(whole.events)):
        cut = Rehearsal(tmp_path / str(event), PLANS[name])
        status = cut.start(kill_after=event)
        if not status.over:
            assert sum(cut.weights.values()) in {0, WHOLE}
            status = cut.resume()
        assert (status, cut.state.live, cut.weights) == (end, whole.state.live, whole.weights), f"cut after {event}"
        assert set(cut.driver().observe().models) == set(whole.driver().observe().models), f"cut after {event}"


@pytest.mark.parametrize("name", PLANS)
def test_rollback_after_every_event(name: str, tmp_path: Path) -> None:
    """Killed after any event, `rollback` from another shell brings everything back to the old model."""
    whole = Rehearsal(tmp_path / "whole", PLANS[name])
    whole.start()
    for event in range(1, len(whole.events) + 1):
        cut = Rehearsal(tmp_path / str(event), PLANS[name])
        cut.start(kill_after=event)
        cut.roll_back()
        assert (cut.status, cut.weights) == (Status.ROLLED_BACK, {"v1": WHOLE}), f"cut after {event}"
        assert set(cut.driver().observe().models) == {"v1"}, f"cut after {event}"


def test_killed_again_and_again(tmp_path: Path) -> None:
    """A run that is killed after every third event still arrives."""
    rollout = Rehearsal(tmp_path, PLANS["good canary"])
    status, lives = rollout.start(kill_after=3), 1
    while not status.over:
        status = rollout.resume(kill_after=4)
        lives += 1
        assert lives < 200
    assert (status, lives > 5) == (Status.PROMOTED, True)


@st.composite
def worlds(draw: st.DrawFn) -> Plan:
    """Any stage against any candidate."""
    weights = sorted(draw(st.lists(st.integers(1, WHOLE), min_size=1, max_size=3, unique=True)))
    stages: list[AnyStage] = [canary(*weights, at_most=400.0), blue_green(), rolling(), recreate()]
    stage = draw(st.sampled_from(stages))
    faults = {
        "error-rate": draw(st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.5])),
        "errs-after": draw(st.sampled_from([0.0, 40.0])),
        "latency": draw(st.sampled_from([0.01, 0.02, 0.3])),
        "never-ready": draw(st.sampled_from([0, 0, 0, 1])),
        "dies-after": draw(st.sampled_from([float("inf"), 50.0])),
    }
    return plan(stage, replicas=draw(st.integers(1, 3)), faults=faults)


@given(asked=worlds(), cut=st.integers(2, 60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_safety(tmp_path_factory: pytest.TempPathFactory, asked: Plan, cut: int) -> None:
    """No step is entered past a failed gate; after a rollback the candidate has nothing; any prefix resumes alike."""
    rollout = Rehearsal(tmp_path_factory.mktemp("world"), asked)
    status = rollout.start(kill_after=cut)
    if not status.over:
        status = rollout.resume()
    assert status in {Status.PROMOTED, Status.ROLLED_BACK}
    assert rollout.weights == {"v2" if status is Status.PROMOTED else "v1": WHOLE}
    failed = False
    for recorded in rollout.events:
        match recorded.event:
            case Looked(verdicts=verdicts):
                failed = failed or any(verdict.outcome is Outcome.FAIL for verdict in verdicts)
            case Entered():
                assert not failed
            case RollbackBegun():
                failed = True
            case _:
                pass
    assert fold("scorer", rollout.events) == rollout.state
