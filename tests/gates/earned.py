"""Cohorts of outcomes, goals and races with standard values."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.gates.race import RaceJudge
from mlship.metrics.look import Look
from mlship.metrics.rewards import Allocation, Reward, Rewards
from mlship.plan.outcome import Better, Goal, Kind, Metric, Race
from mlship.plan.routing import Routing
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Verdict
from tests.gates.made import look

RATE = Metric(name="conversion", outcome="bought")
MEAN = Metric(name="revenue", outcome="bought", kind=Kind.MEAN)
UNWANTED = Metric(name="returns", outcome="bought", better=Better.LOWER)
LOSSES = Metric(name="losses", outcome="bought", kind=Kind.MEAN, better=Better.LOWER)
GOAL = Goal(name="goal", metric=RATE)
RACE = Race(name="race", metric=RATE)
THIRDS = {"v1": 3334, "v2": 3333, "v3": 3333}


def cohort(number: int, **arms: tuple[int, int]) -> Look:
    """Of each arm the units that did what is hoped for, and all of them."""
    rewards = {name: Reward(units=units, sum=had, square=had, reported=had) for name, (had, units) in arms.items()}
    return look(number, rewards=Rewards(arms=rewards))


def racing(race: Race = RACE, weights: Mapping[str, int] = THIRDS) -> RaceJudge:
    """v1 against v2 and v3, in a step that has begun."""
    judge = RaceJudge(race, live="v1", rivals=("v2", "v3"))
    judge.begin(divided(race, weights), 0.0)
    return judge


def divided(race: Race, weights: Mapping[str, int]) -> Step:
    """The step of a race under these weights."""
    routing = Routing(segments=tuple(weights.items()))
    return Step(
        stage="race", strategy="bandit", label="race", routing=routing, race=race.name, challengers=("v2", "v3")
    )


def moved(judge: RaceJudge, dead: tuple[str, ...] = (), now: float = 100.0) -> Allocation | None:
    """Where the judge wants the traffic to go."""
    return judge.allocation(dead, now, salt="salt")


def numbers(verdict: Verdict) -> Evidence:
    """Those behind a verdict, which there must be."""
    assert verdict.evidence is not None
    return verdict.evidence
