"""Orders from other terminals, and rollouts that a schedule carries on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.journal.events import Looked, Passed
from mlship.journal.status import Status
from tests.scenarios.rehearsal import Rehearsal
from tests.strategies.plans import canary, plan

CANARY = canary(500, 2500, 5000)


def test_abort(tmp_path: Path) -> None:
    """An order to abort rolls back and names who gave it."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.order("abort")
    assert rollout.resume() is Status.ROLLED_BACK
    assert rollout.state.rollout is not None
    assert rollout.state.rollout.reason == "abort by ann"


def test_promote_moves_on(tmp_path: Path) -> None:
    """An order to promote ends the step at work, and only that one."""
    rollout = Rehearsal(tmp_path, plan(canary(500, 5000, hold=3000.0, at_most=9000.0)))
    rollout.start(kill_at_look=2)
    rollout.order("promote")
    assert rollout.resume() is Status.PROMOTED
    reasons = [r.event.reason for r in rollout.events if isinstance(r.event, Passed)]
    assert reasons.count("promote by ann") == 1


def test_promote_full(tmp_path: Path) -> None:
    """`promote --full` goes all the way at once; every weight is passed, none is waited for."""
    rollout = Rehearsal(tmp_path, plan(canary(500, 5000, hold=3000.0, at_most=9000.0)))
    rollout.start(kill_at_look=2)
    before = rollout.clock.now()
    rollout.order("promote", full=True)
    assert rollout.resume() is Status.PROMOTED
    assert rollout.clock.now() - before < 100


def test_promote_never_past_a_failure(tmp_path: Path) -> None:
    """`promote --full` does not carry a candidate past a failed gate."""
    rollout = Rehearsal(tmp_path, plan(CANARY, faults={"error-rate": 0.5}))
    rollout.start(kill_at_look=1)
    rollout.order("promote", full=True)
    assert rollout.resume() is Status.ROLLED_BACK


def test_signature(tmp_path: Path) -> None:
    """A manual gate waits, parks at its deadline, and passes once somebody has signed."""
    asked = plan(canary(5000, gates=("no-more-errors", "signed-off"), at_most=600.0))
    rollout = Rehearsal(tmp_path, asked)
    assert (rollout.start(), rollout.weights) == (Status.PARKED, {"v1": 5000, "v2": 5000})
    rollout.order("approve")
    assert rollout.resume() is Status.PROMOTED


def test_pause_outlasts_the_deadline(tmp_path: Path) -> None:
    """A pause longer than the deadline is no reason to roll back: the step's clock begins anew when it goes on."""
    rollout = Rehearsal(tmp_path, plan(canary(5000, at_most=300.0)))
    rollout.start(kill_at_look=2)
    rollout.order("pause")
    rollout.clock.sleep(1000.0)
    assert rollout.resume() is Status.PROMOTED


def test_pause_holds_a_schedule(tmp_path: Path) -> None:
    """A paused rollout stays where it is however often a schedule resumes it once."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.order("pause")
    for _ in range(10):
        assert rollout.turn() is Status.RUNNING
        rollout.clock.sleep(60.0)
    assert rollout.weights == {"v1": 9500, "v2": 500}


def test_turns(tmp_path: Path) -> None:
    """`resume --once` from a schedule reaches the same end, one decision at a time."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_after=4)
    turns = 0
    while rollout.turn() is Status.RUNNING:
        rollout.clock.sleep(20.0)
        turns += 1
        assert turns < 200
    assert (rollout.status, turns > 3) == (Status.PROMOTED, True)


def test_numbers_from_while_nobody_was_at_work(tmp_path: Path) -> None:
    """They belong to the whole time that they came in: no rate is too high after a resume."""
    rollout = Rehearsal(tmp_path, plan(CANARY))
    rollout.start(kill_at_look=2)
    rollout.clock.sleep(500.0)
    rollout.resume()
    looks = [r.event.look for r in rollout.events if isinstance(r.event, Looked) and r.event.look.number]
    rates = [sum(t.requests for t in look.tallies.values()) / (look.end - look.start) for look in looks if look.tallies]

    assert max(look.end - look.start for look in looks) > 500
    assert all(rate == pytest.approx(100, rel=0.05) for rate in rates)
