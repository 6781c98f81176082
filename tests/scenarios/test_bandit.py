"""Bandits from even shares to the winner."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.journal.events import Chosen, Reallocated
from mlship.journal.status import Status
from mlship.plan.outcome import Kind, Policy, Stop
from mlship.plan.routing import WHOLE
from tests.scenarios.experiments import CONVERSION, RACE, bandit, experiment
from tests.scenarios.rehearsal import Rehearsal


def moves(rollout: Rehearsal) -> list[Reallocated]:
    return [recorded.event for recorded in rollout.events if isinstance(recorded.event, Reallocated)]


def winner(rollout: Rehearsal) -> list[str]:
    return [recorded.event.model for recorded in rollout.events if isinstance(recorded.event, Chosen)]


def test_the_traffic_follows_the_outcomes(tmp_path: Path) -> None:
    """The best arm gets more and more, is proven the best, and ends with everything."""
    rollout = Rehearsal(tmp_path, experiment(bandit(), v2={"conversion": 0.13}, v3={"conversion": 0.08}))

    assert rollout.start() is Status.PROMOTED
    assert winner(rollout) == ["v2"]
    assert rollout.weights == {"v2": WHOLE}
    first, last = moves(rollout)[0], moves(rollout)[-1]
    assert first.propensities["v2"] > 1 / 3
    assert last.propensities["v2"] > first.propensities["v2"]
    assert rollout.path() == ["v1 serves", "v1, v2, v3 compete", "v2 goes on", "100 %", "retire v1"]


def test_every_move_is_on_record_with_what_it_rests_on(tmp_path: Path) -> None:
    """Floors hold, propensities sum to 1, and beliefs are those of the units so far."""
    rollout = Rehearsal(tmp_path, experiment(bandit(), v2={"conversion": 0.13}, v3={"conversion": 0.08}))
    rollout.start()

    assert moves(rollout)
    for move in moves(rollout):
        assert sum(move.propensities.values()) == pytest.approx(1)
        assert all(share >= 0.05 for share in move.propensities.values())
        assert sum(width for _, width in move.segments) == WHOLE
        assert move.beliefs.keys() == move.propensities.keys()
        assert sum(belief.best for belief in move.beliefs.values()) == pytest.approx(1)


def test_live_may_win(tmp_path: Path) -> None:
    """Where live is the best, the candidates are rejected."""
    rollout = Rehearsal(tmp_path, experiment(bandit(), v2={"conversion": 0.05}, v3={"conversion": 0.06}))

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}
    assert rollout.state.rollout is not None
    assert "v1 is proven better" in rollout.state.rollout.reason


def test_an_arm_that_errs_is_out_at_once(tmp_path: Path) -> None:
    """A guard kills it, whatever it earns: it has no share from the next weights on."""
    rollout = Rehearsal(
        tmp_path, experiment(bandit(), v2={"conversion": 0.2}, v3={"conversion": 0.5, "error-rate": 0.3})
    )

    assert rollout.start() is Status.PROMOTED
    assert winner(rollout) == ["v2"]
    assert "v3" not in moves(rollout)[0].propensities


@pytest.mark.parametrize("policy", list(Policy))
def test_each_policy_finds_the_better_arm(tmp_path: Path, policy: Policy) -> None:
    """Whichever policy divides the traffic, the proof is the same one."""
    race = replace(RACE, policy=policy, horizon=50_000)
    rollout = Rehearsal(tmp_path, experiment(bandit(arms=("live", "v2")), race=race, v2={"conversion": 0.15}))

    assert rollout.start() is Status.PROMOTED
    assert winner(rollout) == ["v2"]


@pytest.mark.parametrize("stop", [Stop.LOSS, Stop.HORIZON])
def test_a_race_may_end_without_proof(tmp_path: Path, stop: Stop) -> None:
    """Where little is left to gain, or at its horizon, the leader goes on and nothing is claimed."""
    race = replace(RACE, stop=stop, horizon=20_000)
    rollout = Rehearsal(tmp_path, experiment(bandit(), race=race, v2={"conversion": 0.102}, v3={"conversion": 0.09}))

    assert rollout.start() is Status.PROMOTED
    (passed,) = [recorded.event for recorded in rollout.events if isinstance(recorded.event, Chosen)]
    assert passed.model == "v2"


def test_equal_arms_have_no_winner(tmp_path: Path) -> None:
    """At the deadline the plan decides."""
    rollout = Rehearsal(tmp_path, experiment(bandit(at_most=900.0), v2={}, v3={}))

    assert rollout.start() is Status.ROLLED_BACK


def test_numeric_outcomes(tmp_path: Path) -> None:
    """The arm that brings more wins."""
    race = replace(RACE, metric=replace(CONVERSION, kind=Kind.MEAN))
    rollout = Rehearsal(tmp_path, experiment(bandit(), race=race, v2={"value": 1.3}, v3={"value": 0.9}))

    assert rollout.start() is Status.PROMOTED
    assert winner(rollout) == ["v2"]


def test_weights_are_the_same_whatever_crashes(tmp_path: Path) -> None:
    """A race that dies after any event and goes on reaches the same winner, and no user is counted twice."""
    plan = experiment(bandit(), v2={"conversion": 0.15}, v3={})
    whole = Rehearsal(tmp_path / "whole", plan)
    whole.start()
    for kill in range(2, len(whole.events), 5):
        rollout = Rehearsal(tmp_path / f"killed-{kill}", plan)
        rollout.start(kill_after=kill)

        assert rollout.resume() is Status.PROMOTED
        assert winner(rollout)[-1] == "v2"
