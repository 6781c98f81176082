"""What stages in which several models serve users have in common."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from mlship.plan.model import Plan
from mlship.plan.outcome import Goal, Race
from mlship.plan.routing import Capture, Routing
from mlship.plan.step import Step
from mlship.strategies.pair import Pair


def counted(routing: Routing, gate: Goal | Race, plan: Plan) -> Routing:
    """The routing, with what must be kept of requests so that reported outcomes find the arm that they belong to."""
    if gate.metric.source:
        return routing
    covariate = isinstance(gate, Goal) and gate.covariate
    capture = plan.capture.routed() if covariate else Capture(sample=plan.capture.sample, limit=0)
    return replace(routing, capture=capture)


def goes_on(step: Step, pair: Pair, weights: Mapping[str, int]) -> Step:
    """The step after a decision: the candidate serves with `weights`, the other candidates are stopped."""
    chosen = pair.candidate
    return Step(
        stage=step.stage,
        strategy=step.strategy,
        label=f"{chosen.name} goes on",
        ready={chosen.name: chosen.replicas},
        routing=pair.divided(weights, step.routing),
        keep={name: 0 for name in step.challengers if name != chosen.name},
    )
