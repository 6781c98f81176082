"""Canary: a small share of the users first; more, or back, without downtime."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.plan.model import Canary
from mlship.plan.routing import Routing
from mlship.plan.step import Step
from mlship.strategies.pair import Pair


def compile_canary(stage: Canary, pair: Pair, current: Routing) -> Iterator[Step]:
    """One step per weight. The last step that has both models must prove; the ones before must only show no harm."""
    routings = list(_grown(stage.weights, pair, current))
    proof = max((place for place, routing in enumerate(routings) if pair.is_split(routing)), default=None)
    for place, (weight, routing) in enumerate(zip(stage.weights, routings, strict=True)):
        step = Step(
            stage=stage.name,
            strategy="canary",
            label=f"{weight / 100:g} %",
            ready={pair.candidate.name: pair.candidate.replicas},
            routing=routing,
            hold=stage.hold,
            requests=pair.least(stage),
            proof=place == proof,
        )
        yield pair.waiting(pair.judged(step, stage), stage)


def _grown(weights: tuple[int, ...], pair: Pair, current: Routing) -> Iterator[Routing]:
    for weight in weights:
        current = pair.split(weight, current)
        yield current
