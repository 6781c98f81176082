"""A record decided again: the same code says the same, other rules are found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.engine.replay import replay
from mlship.journal.events import Looked, Recorded
from mlship.journal.status import Status
from mlship.plan.model import Comparison, Plan
from mlship.plan.outcome import Policy
from mlship.plan.routing import WHOLE
from tests.scenarios.experiments import RACE, ab, bandit, experiment
from tests.scenarios.rehearsal import Rehearsal
from tests.scenarios.test_shadow import challenged, shadow
from tests.strategies.plans import blue_green, canary, plan

DRAWN = replace(RACE, policy=Policy.THOMPSON)
ROLLOUTS: dict[str, Callable[[], Plan]] = {
    "promoted": lambda: plan(canary(500, 2500, 5000), blue_green(bake=30)),
    "rolled back": lambda: plan(canary(500, 2500, 5000), faults={"error-rate": 0.1}),
    "dies": lambda: plan(canary(5000), faults={"dies-after": 20.0}),
    "shadow": lambda: challenged(shadow(), canary(5000), v2={"error-rate": 0.3}),
    "ab": lambda: experiment(ab(), v2={"conversion": 0.2}),
    "arms": lambda: experiment(
        ab(split={"live": 5000, "v2": 2500, "v3": 2500}), v2={"error-rate": 0.2}, v3={"conversion": 0.15}
    ),
    "bandit": lambda: experiment(bandit(), v2={"conversion": 0.13}, v3={}),
    "thompson": lambda: experiment(bandit(), race=DRAWN, v2={"conversion": 0.14}, v3={}),
}


@pytest.mark.parametrize("name", list(ROLLOUTS))
def test_the_same_code_decides_the_same(tmp_path: Path, name: str) -> None:
    """Every verdict and every decision, of whatever strategy, however it ended."""
    rollout = Rehearsal(tmp_path, ROLLOUTS[name]())
    rollout.start()
    replayed = replay(rollout.events, rollout.plan)

    assert replayed.differences == ()
    assert replayed.looks == sum(isinstance(r.event, Looked) and r.event.look.number > 0 for r in rollout.events)
    assert replayed.decisions > 0


def test_a_run_that_was_killed_and_resumed(tmp_path: Path) -> None:
    """What nobody could decide is not compared; all else is the same."""
    plan_ = plan(canary(500, 2500, 5000))
    whole = Rehearsal(tmp_path / "whole", plan_)
    whole.start()
    for kill in range(5, len(whole.events), 4):
        rollout = Rehearsal(tmp_path / str(kill), plan_)
        rollout.start(kill_after=kill)
        rollout.resume()

        assert replay(rollout.events, plan_).differences == ()


def test_orders_are_part_of_the_record(tmp_path: Path) -> None:
    """A promotion that somebody ordered is decided again by that order, a rollback by hand is nobody's decision."""
    rollout = Rehearsal(tmp_path, plan(canary(500, 5000, hold=600.0)))
    rollout.start(kill_at_look=3)
    rollout.order("promote", full=True)

    assert rollout.resume() is Status.PROMOTED
    rollout.roll_back()
    assert replay(rollout.events, rollout.plan).differences == ()


def test_other_rules_are_found_out(tmp_path: Path) -> None:
    """Under a margin that proves nothing so soon, the rollout would have held: the first such look is named."""
    rollout = Rehearsal(tmp_path, plan(canary(500, 2500, 5000)))
    rollout.start()
    strict = {
        name: replace(gate, margin=0.0001) if isinstance(gate, Comparison) else gate
        for name, gate in rollout.plan.gates.items()
    }
    replayed = replay(rollout.events, replace(rollout.plan, gates=strict))

    assert [each.what for each in replayed.differences][-1] == "the decision"
    assert replayed.differences[-1].recorded == "advance"
    assert replayed.differences[-1].today == "hold"


def test_forged_numbers_are_found_out(tmp_path: Path) -> None:
    """Who changes a recorded number changes a verdict, and the replay says at which look."""
    rollout = Rehearsal(tmp_path, plan(canary(500, 2500, 5000)))
    rollout.start()
    forged = tuple(_with_errors(recorded) for recorded in rollout.events)

    assert replay(forged, rollout.plan).differences[0].today == "fail"


def _with_errors(recorded: Recorded) -> Recorded:
    match recorded.event:
        case Looked(look=look) if look.tallies and "v2" in look.tallies:
            worse = replace(look.tallies["v2"], errors=look.tallies["v2"].requests)
            look = replace(look, tallies={**look.tallies, "v2": worse})
            return replace(recorded, event=replace(recorded.event, look=look))
        case _:
            return recorded


def test_nothing_recorded_is_nothing_to_decide(tmp_path: Path) -> None:
    """A rollout that ended before its first look."""
    rollout = Rehearsal(tmp_path, plan(canary(WHOLE // 2)))
    rollout.start(kill_after=2)

    assert replay(rollout.events, rollout.plan).looks == 0
