"""Stages in which users' outcomes decide, for whole rollouts in the made-up world."""

from __future__ import annotations

from typing import Any

from mlship.plan.model import AB, AnyStage, Bandit, Model, Plan
from mlship.plan.outcome import Goal, Metric, Race
from tests.strategies.plans import GATES, plan

CONVERSION = Metric(name="conversion", outcome="reward", within=10.0)
GOAL = Goal(name="conversion-decides", metric=CONVERSION)
RACE = Race(name="conversion-race", metric=CONVERSION, every=10.0, floor=500)
DAY = 24 * 3600.0


def ab(**changes: Any) -> AB:
    """Half and half."""
    standard: dict[str, Any] = {
        "name": "pays-off",
        "gates": (GOAL.name, "no-more-errors"),
        "split": {"live": 5000, "candidate": 5000},
        "goal": GOAL.name,
        "hold": 30.0,
        "at_most": DAY,
    }
    return AB(**standard | changes)


def bandit(**changes: Any) -> Bandit:
    """All models of the plan compete."""
    standard: dict[str, Any] = {
        "name": "race",
        "gates": (RACE.name, "no-more-errors"),
        "arms": ("live", "v2", "v3"),
        "race": RACE.name,
        "hold": 30.0,
        "at_most": DAY,
    }
    return Bandit(**standard | changes)


def experiment(*stages: AnyStage, goal: Goal = GOAL, race: Race = RACE, **scripts: dict[str, Any]) -> Plan:
    """A plan with a model for each script; v1 is live."""
    worlds: dict[str, dict[str, Any]] = {"v1": {}, **scripts}
    models = {name: Model(name=name, faults=script) for name, script in worlds.items()}
    gates = {**GATES, goal.name: goal, race.name: race}
    return plan(*stages, models=models, gates=gates, candidate=None, metrics={"conversion": CONVERSION})
