"""A/B tests from the first user to the verdict."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.journal.events import Chosen, Looked, Reallocated
from mlship.journal.status import Status
from mlship.metrics.rewards import Rewards
from mlship.plan.outcome import Method
from mlship.plan.routing import WHOLE
from mlship.plan.step import AtDeadline
from tests.scenarios.experiments import GOAL, ab, experiment
from tests.scenarios.rehearsal import Rehearsal


def reason(rollout: Rehearsal) -> str:
    assert rollout.state.rollout is not None
    return rollout.state.rollout.reason


def cohorts(rollout: Rehearsal) -> list[Rewards]:
    """Those that the journal holds."""
    looks = [recorded.event.look for recorded in rollout.events if isinstance(recorded.event, Looked)]
    return [look.rewards for look in looks if look.rewards]


def test_a_better_candidate_is_promoted(tmp_path: Path) -> None:
    """Its users convert more often, it is proven, and it gets everything."""
    rollout = Rehearsal(tmp_path, experiment(ab(), v2={"conversion": 0.2}))

    assert rollout.start() is Status.PROMOTED
    assert rollout.path() == ["v1 serves", "v2 against v1", "100 %", "retire v1"]
    assert rollout.weights == {"v2": WHOLE}


def test_a_worse_candidate_is_rolled_back(tmp_path: Path) -> None:
    """Its users convert less often: live keeps everything, and the words say so."""
    rollout = Rehearsal(tmp_path, experiment(ab(), v2={"conversion": 0.05}))

    assert rollout.start() is Status.ROLLED_BACK
    assert reason(rollout).startswith("conversion-decides: proven worse: v2 4.93 % of 750, v1 10 % of 750")
    assert rollout.weights == {"v1": WHOLE}


def test_no_difference_ends_as_the_plan_says(tmp_path: Path) -> None:
    """Nothing can be proven: rolled back at the deadline, or parked."""
    back = Rehearsal(tmp_path / "back", experiment(ab(at_most=900.0), v2={}))
    parked = Rehearsal(tmp_path / "parked", experiment(ab(at_most=900.0, at_deadline=AtDeadline.PARK), v2={}))

    assert back.start() is Status.ROLLED_BACK
    assert reason(back).startswith("deadline of 900 s: v2: conversion-decides: not decided: v2 10 % of")
    assert parked.start() is Status.PARKED
    assert parked.weights == {"v1": 5000, "v2": 5000}


def test_no_worse_by_the_margin_is_enough_where_the_plan_says_so(tmp_path: Path) -> None:
    """A candidate that is as good passes a test with a margin."""
    goal = replace(GOAL, margin=0.02)
    rollout = Rehearsal(tmp_path, experiment(ab(), goal=goal, v2={}))

    assert rollout.start() is Status.PROMOTED


def test_the_better_of_two_goes_on_with_its_share(tmp_path: Path) -> None:
    """v3 converts more than v2: it is chosen, and who has it keeps it."""
    stage = ab(split={"live": 5000, "v2": 2500, "v3": 2500})
    rollout = Rehearsal(tmp_path, experiment(stage, v2={"conversion": 0.13}, v3={"conversion": 0.2}))

    assert rollout.start() is Status.PROMOTED
    (chosen,) = [recorded.event for recorded in rollout.events if isinstance(recorded.event, Chosen)]
    assert chosen.model == "v3"
    assert chosen.compiled.steps[2].routing.segments == (("v1", 2500), ("v3", 2500), ("v1", 5000))
    assert rollout.path() == ["v1 serves", "v2 and v3 against v1", "v3 goes on", "100 %", "retire v1"]


def test_an_arm_that_fails_loses_its_users_at_once(tmp_path: Path) -> None:
    """v2 errs: its share goes to the live model while v3 is still being tested."""
    stage = ab(split={"live": 5000, "v2": 2500, "v3": 2500})
    rollout = Rehearsal(tmp_path, experiment(stage, v2={"error-rate": 0.2}, v3={"conversion": 0.15}))

    assert rollout.start() is Status.PROMOTED
    moved = [recorded.event for recorded in rollout.events if isinstance(recorded.event, Reallocated)]
    assert [dict(event.propensities) for event in moved] == [{"v3": 0.25, "v1": 0.75}]
    assert moved[0].reason == "v2 failed"


def test_users_are_counted_once_whatever_crashes(tmp_path: Path) -> None:
    """A run that dies after any event and goes on counts every user once, and decides the same."""
    plan = experiment(ab(), v2={"conversion": 0.2})
    whole = Rehearsal(tmp_path / "whole", plan)
    whole.start()
    for kill in range(1, len(whole.events), 3):
        rollout = Rehearsal(tmp_path / f"killed-{kill}", plan)
        rollout.start(kill_after=kill)

        assert rollout.resume() is Status.PROMOTED
        counted = cohorts(rollout)
        assert all(after.start == before.end for before, after in pairwise(counted))
        units = sum(reward.units for cohort in counted for reward in cohort.arms.values())
        assert units == pytest.approx(100 * (counted[-1].end - counted[0].start), abs=2)


def test_who_is_too_young_to_be_counted_is_told(tmp_path: Path) -> None:
    """At every look all users that have come are counted or pending, and the first reason says how many are pending."""
    rollout = Rehearsal(tmp_path, experiment(ab(), v2={"conversion": 0.2}))
    rollout.start()
    heard = [recorded.event for recorded in rollout.events if isinstance(recorded.event, Looked)]
    found = cohorts(rollout)
    ends = [event.look.end for event in heard if event.look.rewards]
    counted = list(accumulate(sum(reward.units for reward in each.arms.values()) for each in found))

    for units, cohort, end in zip(counted, found, ends, strict=True):
        assert units + sum(cohort.pending.values()) == 100 * (end - found[0].start)
    said = next(verdict for event in heard for verdict in event.verdicts if verdict.gate == GOAL.name)
    assert said.reason == "0 of 100 units of each arm counted, 500 too young"


def test_a_fixed_sample_is_read_once(tmp_path: Path) -> None:
    """Until it is complete nobody is told what it says; then it decides."""
    goal = replace(GOAL, method=Method.FIXED, minimal_effect=0.02, baseline=0.1)
    rollout = Rehearsal(tmp_path, experiment(ab(), goal=goal, v2={"conversion": 0.14}))

    assert rollout.start() is Status.PROMOTED
    said = [
        verdict.reason
        for recorded in rollout.events
        if isinstance(recorded.event, Looked)
        for verdict in recorded.event.verdicts
        if verdict.gate == goal.name
    ]
    assert all("read once" in each or "counted" in each for each in said[:-1])
    assert said[-1].startswith("found better (p = ")


def test_two_of_the_same_pass_and_a_faulty_set_up_does_not(tmp_path: Path) -> None:
    """A/A: no difference is as it should be; a difference is a fault, whoever looks better."""
    goal = replace(GOAL, method=Method.AA)
    same = Rehearsal(tmp_path / "same", experiment(ab(), goal=goal, v2={}))
    odd = Rehearsal(tmp_path / "odd", experiment(ab(hold=600.0), goal=goal, v2={"conversion": 0.2}))

    assert same.start() is Status.PROMOTED
    assert odd.start() is Status.ROLLED_BACK
