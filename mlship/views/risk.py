"""What a step puts at risk, and how much it takes to pass: estimates for the preview, simple enough to check by hand.

Every bad answer at least doubles the evidence against a candidate that has at most half of the traffic, so a candidate
that fails every request is found after log2(m / alpha) bad answers, m gates sharing alpha; beyond half, where only
ceilings judge, the same number stands in. It is found at a look:

    looks    = ceil(bad answers / (share * traffic * seconds between looks))
    seconds  = looks * seconds between looks
    requests = share * traffic * seconds

A candidate without any bad answer is proven "not worse by the margin" after about ln(1 / alpha) / margin requests, and
gets more users after about ln(1.5) / margin.

Several challengers share alpha in equal parts. A challenger that gets copies answers no user: nothing is at risk, and
its share is that of the copies. Of several, the one with the fewest copies is found last.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import msgspec

from mlship.gates.proof import SPEAKS_FOR
from mlship.plan.model import AB, AnyStage, Bandit, Comparison, Plan, Shadow
from mlship.plan.routing import WHOLE
from mlship.plan.step import Step


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """Until a candidate that fails every request is rolled back."""

    seconds: float
    requests: int
    """Answered to users by the candidate meanwhile."""


def bad_answers(plan: Plan, step: Step) -> int:
    """Bad answers until the evidence of one gate suffices for a rollback."""
    judging = max(1, len({*step.gates, *step.guards})) * rivals(plan)
    return math.ceil(math.log2(judging / plan.alpha.rollback))


def rivals(plan: Plan) -> int:
    """How many models share the error budget."""
    named = {arm for stage in plan.stages for arm in _arms(stage)} - {"live", "candidate", plan.live}
    return max(1, len(named))


def _arms(stage: AnyStage) -> Collection[str]:
    """Models that are each judged by themselves; "live" and "candidate" are roles."""
    match stage:
        case Shadow(mirror=mirror):
            return mirror
        case AB(split=split):
            return split
        case Bandit(arms=arms):
            return arms
        case _:
            return ()


def risk(plan: Plan, step: Step, candidate: str | None) -> Risk | None:
    """What the step puts at risk at the stated traffic; None where no traffic is stated, none flows, or none judges."""
    served = step.routing.asked.get(candidate, 0) / WHOLE if candidate else 0.0
    share = served or min((mirror.share for mirror in step.routing.mirrors), default=0) / WHOLE
    if not plan.traffic or share == 0 or not (step.gates or step.guards):
        return None
    per_look = share * plan.traffic * plan.look_every
    seconds = plan.look_every * math.ceil(bad_answers(plan, step) / per_look)
    return Risk(seconds=seconds, requests=math.ceil(served * plan.traffic * seconds))


def requests_needed(plan: Plan, step: Step) -> int:
    """Requests of a candidate without a bad answer until every comparison of the step passes; 0: there is none."""
    margins = [gate.margin for name in step.gates if isinstance(gate := plan.gates.get(name), Comparison)]
    if not margins or min(margins) <= 0:
        return 0
    evidence = math.log(rivals(plan) / plan.alpha.promote) if step.proof else SPEAKS_FOR
    return math.ceil(evidence / min(margins))
