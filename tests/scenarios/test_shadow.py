"""Shadow rollouts: several challengers judged side by side, and the one that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlship.journal.events import Chosen, Looked
from mlship.journal.status import Status
from mlship.plan.answergates import Direction, Quality
from mlship.plan.model import AnyStage, DriverSpec, Model, Plan, Shadow
from mlship.plan.routing import WHOLE
from mlship.plan.step import AtDeadline
from tests.scenarios.rehearsal import Rehearsal
from tests.strategies.plans import COMPARED, GATES, canary, plan


def shadow(**changes: Any) -> Shadow:
    standard: dict[str, Any] = {
        "name": "shadow",
        "gates": COMPARED,
        "mirror": {"v2": WHOLE, "v3": WHOLE},
        "hold": 30.0,
        "at_deadline": AtDeadline.PARK,
    }
    return Shadow(**standard | changes)


def challenged(*stages: AnyStage, v2: dict[str, Any] | None = None, v3: dict[str, Any] | None = None) -> Plan:
    models = {name: Model(name=name, faults=faults or {}) for name, faults in (("v1", {}), ("v2", v2), ("v3", v3))}
    return plan(*stages, models=models, candidate=None)


def chosen(rollout: Rehearsal) -> list[str]:
    return [recorded.event.model for recorded in rollout.events if isinstance(recorded.event, Chosen)]


def test_a_bad_challenger_is_out_and_the_other_goes_on(tmp_path: Path) -> None:
    """v2 errs on copies: no user notices, v3 goes through the canary, and v2 is stopped."""
    rollout = Rehearsal(tmp_path, challenged(shadow(), canary(2500, 5000), v2={"error-rate": 0.3}))

    assert rollout.start() is Status.PROMOTED
    assert chosen(rollout) == ["v3"]
    assert rollout.weights == {"v3": WHOLE}
    assert set(rollout.driver().observe().models) == {"v3"}
    assert rollout.path()[:4] == ["v1 serves", "copies to v2 and v3", "v3 goes on", "25 %"]


def test_no_challenger_is_good_enough(tmp_path: Path) -> None:
    """Both err: the rollout is rejected in the shadow, and each reason is told."""
    rollout = Rehearsal(tmp_path, challenged(shadow(), canary(5000), v2={"error-rate": 0.3}, v3={"latency": 0.5}))

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.path() == ["v1 serves", "copies to v2 and v3"]
    assert set(rollout.driver().observe().models) == {"v1"}
    assert rollout.state.rollout is not None
    assert rollout.state.rollout.reason.startswith("no challenger is good enough: v2: no-more-errors")
    assert "v3: not-slower" in rollout.state.rollout.reason


def test_one_challenger_needs_no_choice_among_many(tmp_path: Path) -> None:
    """A single challenger that fails its copies is rejected as a candidate would be."""
    bad = Rehearsal(tmp_path, plan(shadow(mirror={"v2": WHOLE}), canary(5000), faults={"error-rate": 0.3}))

    assert bad.start() is Status.ROLLED_BACK
    assert bad.state.rollout is not None
    assert bad.state.rollout.reason.startswith("no-more-errors")


def test_a_challenger_that_dies_is_out(tmp_path: Path) -> None:
    """Its replicas are not repaired; the other one goes on."""
    rollout = Rehearsal(tmp_path, challenged(shadow(), canary(5000), v3={"dies-after": 10.0}))

    assert rollout.start() is Status.PROMOTED
    assert chosen(rollout) == ["v2"]


def test_waiting_at_the_deadline_parks(tmp_path: Path) -> None:
    """Copies that are too few to tell are no reason to reject: the run parks, and copies go on."""
    rollout = Rehearsal(tmp_path, challenged(shadow(requests=10_000_000, at_most=60.0), canary(5000)))

    assert rollout.start() is Status.PARKED
    routing = rollout.driver().observe().routing
    assert routing is not None
    assert [mirror.model for mirror in routing.mirrors] == ["v2", "v3"]


@pytest.mark.parametrize("look", [1, 3, 6, 9])
def test_a_crash_changes_no_choice(tmp_path: Path, look: int) -> None:
    """Killed at a look and resumed, the same challenger goes on, through the same steps."""
    whole = Rehearsal(tmp_path / "whole", challenged(shadow(), canary(5000), v2={"error-rate": 0.3}))
    torn = Rehearsal(tmp_path / "torn", challenged(shadow(), canary(5000), v2={"error-rate": 0.3}))
    torn.start(kill_at_look=look)

    assert (torn.resume(), whole.start()) == (Status.PROMOTED, Status.PROMOTED)
    assert (chosen(torn), torn.path()) == (chosen(whole), whole.path())


def test_rollback_in_the_shadow_stops_the_copies(tmp_path: Path) -> None:
    """At 3 a.m. nobody has to know what was mirrored to whom."""
    rollout = Rehearsal(tmp_path, challenged(shadow(), canary(5000)))
    rollout.start(kill_at_look=2)

    assert rollout.roll_back() is Status.ROLLED_BACK
    routing = rollout.driver().observe().routing
    assert routing is not None
    assert (routing.mirrors, routing.capture) == ((), None)
    assert set(rollout.driver().observe().models) == {"v1"}


RIGHT = Quality(name="right", metric="accuracy", direction=Direction.BETTER_THAN)
SURE = Quality(name="sure", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=0.05)


def labelled(stage: Shadow, gates: tuple[Any, ...], *, accuracies: tuple[float, ...], labels: float = 1.0) -> Plan:
    """A plan in whose world v1, v2 and v3 are right that often, and that share of the truths becomes known."""
    models = {
        f"v{number}": Model(name=f"v{number}", faults={"accuracy": accuracy})
        for number, accuracy in enumerate(accuracies, start=1)
    }
    driver = DriverSpec(name="memory", settings={"labels": labels})
    by_name = {gate.name: gate for gate in gates}
    return plan(stage, canary(5000, gates=()), models=models, candidate=None, gates={**GATES, **by_name}, driver=driver)


def test_the_better_challenger_goes_on(tmp_path: Path) -> None:
    """v3 is right three points more often than live, v2 as often: v3 is the candidate, by what users never saw."""
    stage = shadow(gates=("right",), at_most=600.0)
    rollout = Rehearsal(tmp_path, labelled(stage, (RIGHT,), accuracies=(0.9, 0.9, 0.93)))

    assert rollout.start() is Status.PROMOTED
    assert chosen(rollout) == ["v3"]


def test_nobody_is_better(tmp_path: Path) -> None:
    """Challengers that are right less often are rejected."""
    rollout = Rehearsal(tmp_path, labelled(shadow(gates=("right",)), (RIGHT,), accuracies=(0.93, 0.85, 0.84)))

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.state.rollout is not None
    assert rollout.state.rollout.reason.startswith("no challenger is good enough")


def test_too_few_labels_park(tmp_path: Path) -> None:
    """Without truth nothing is proven, and nothing is held against anybody."""
    stage = shadow(gates=("sure",), at_most=120.0)
    rollout = Rehearsal(tmp_path, labelled(stage, (SURE,), accuracies=(0.9, 0.9, 0.9), labels=0.001))

    assert rollout.start() is Status.PARKED


@pytest.mark.parametrize("look", [2, 4, 7])
def test_a_crash_neither_loses_nor_doubles_answers(tmp_path: Path, look: int) -> None:
    """Killed right after a look was written, before its answers were settled: every pair is judged once."""
    stage = shadow(gates=("right",), at_most=600.0)
    torn = Rehearsal(tmp_path, labelled(stage, (RIGHT,), accuracies=(0.9, 0.9, 0.93)))
    torn.start(kill_at_look=look)
    torn.resume()
    looks = [recorded.event.look for recorded in torn.events if isinstance(recorded.event, Looked)]
    seen = sum(look.answers["v3"].total.pairs for look in looks if look.answers)
    answered = sum((look.tallies or {})["v3"].requests for look in looks if look.answers)

    assert abs(seen - answered) <= 1
