"""What nobody knows in a rollout and everybody knows of a made-up world: whether a model deserves to be promoted."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mlship.drivers.simulated.answers import chances
from mlship.drivers.simulated.ledger import worth_of
from mlship.drivers.simulated.spec import Nature, World
from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.model import Comparison, Gate, Outside, Plan, Threshold
from mlship.plan.outcome import Goal, Race
from mlship.plan.step import CompiledPlan

_EQUAL = 1e-9
"""Differences that only rounding makes."""


def is_told_by(gate: Gate) -> bool:
    """A made-up world has the numbers that the gate asks for; none of scores, segments, drift and other people's."""
    match gate:
        case Outside() | Drift():
            return False
        case Quality(metric=metric, segment=segment):
            return metric == "accuracy" and segment is None
        case Floor(segment=segment):
            return segment is None
        case _:
            return True


class Truth:
    """Of one plan in one world."""

    def __init__(self, plan: Plan, compiled: CompiledPlan, world: World) -> None:
        named = dict.fromkeys(name for step in compiled.steps for name in (*step.gates, *step.guards))
        self._gates = [plan.gates[name] for name in named]
        self._plan = plan
        self._world = world
        self._name = compiled.live
        self._live = world.models[compiled.live]

    def is_harmful(self, model: str) -> bool:
        """It is worse than some gate tolerates, does not start, dies, or is hit by an incident that spares live."""
        nature, health = self._world.models[model], self._plan.models[model].health
        sick = nature.dies_after < math.inf or nature.start > health.within
        alone = any(
            incident.factor > 1 and incident.hits(model) and not incident.hits(self._name)
            for incident in self._world.incidents
        )
        return sick or alone or any(self._breaks(gate, nature) for gate in self._gates)

    def deserves(self, model: str) -> bool:
        """It is not harmful, and as much better as the gates ask for."""
        nature = self._world.models[model]
        return not self.is_harmful(model) and all(_reaches(gate, nature, self._live) for gate in self._gates)

    def is_any_harmless(self, models: Iterable[str]) -> bool:
        """One of the models need not have been rejected."""
        return any(not self.is_harmful(model) for model in models)

    def _breaks(self, gate: Gate, nature: Nature) -> bool:
        match gate:
            case Comparison() | Threshold():
                return _serves_worse(gate, nature, self._live)
            case Quality():
                return _answers_worse(gate, nature, self._live)
            case Floor():
                return self._level(gate, nature) < gate.minimum
            case Goal() | Race():
                margin = (gate.margin or 0.0) if isinstance(gate, Goal) else 0.0
                return worth_of(gate.metric, self._live) - worth_of(gate.metric, nature) > margin + _EQUAL
            case _:
                return False

    def _level(self, gate: Floor, nature: Nature) -> float:
        match gate.metric:
            case "agreement":
                both, _, _, neither = chances((self._live.accuracy, nature.accuracy), self._world.labels.alike)
                return both + neither
            case "coverage":
                return self._world.labels.share
            case "paired":
                return 1 - nature.errors
            case _:
                # Of two classes that are equally frequent and equally hard.
                return nature.accuracy


def _serves_worse(gate: Comparison | Threshold, nature: Nature, live: Nature) -> bool:
    """More errors or slower answers than the gate tolerates."""
    part = None if gate.metric == "error_rate" else float(gate.metric.removeprefix("latency_p")) / 100
    if isinstance(gate, Threshold):
        return (nature.errors if part is None else nature.latency.quantile(part)) > gate.maximum
    if part is None:
        return nature.errors - live.errors > gate.margin + _EQUAL
    slower = 1 - nature.latency.within(live.latency.quantile(part))
    return slower - (1 - part) > gate.margin + _EQUAL


def _answers_worse(gate: Quality, nature: Nature, live: Nature) -> bool:
    tolerated = gate.margin if gate.direction is Direction.NO_WORSE_THAN else 0.0
    return live.accuracy - nature.accuracy > tolerated + _EQUAL


def _reaches(gate: Gate, nature: Nature, live: Nature) -> bool:
    match gate:
        case Goal(metric=metric, margin=None):
            return worth_of(metric, nature) > worth_of(metric, live)
        case Quality(direction=Direction.BETTER_THAN, margin=margin):
            return nature.accuracy - live.accuracy > margin
        case _:
            return True
