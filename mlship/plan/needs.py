"""What a plan needs its driver to be able to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mlship.plan.draft import Draft
from mlship.plan.fault import Steps
from mlship.plan.gateuse import definitions, known_uses
from mlship.plan.model import Capability
from mlship.plan.rulecheck import draws

ABILITIES = {
    Capability.SPLIT: "divide traffic between models",
    Capability.STICKY: "keep a user on one model",
    Capability.MATCH: "route by what a request says",
    Capability.REPLICAS: "change the number of a model's replicas",
    Capability.CLOSE: "answer 503 while nothing serves",
    Capability.COUNTERS: "count requests, errors and latency per model",
    Capability.MIRROR: "send copies of live requests to other models",
    Capability.CAPTURE: "keep the answers that models gave",
}


_OWN_NUMBERS = "add `metrics` with a source of your own, such as prometheus, and judge by it in `gates` and `guards`"


def able(
    capability: Capability, drivers: Mapping[str, frozenset[Capability]], needs: Collection[Capability] = ()
) -> str:
    """Which drivers can, where there are any those that can all that the plan `needs`; and what else there is to do."""
    names = sorted(name for name, capabilities in drivers.items() if capability in capabilities)
    names = [name for name in names if drivers[name] >= {*needs}] or names
    hint = f"drivers that can: {', '.join(names)}" if names else "no driver that is installed can"
    return f"{_OWN_NUMBERS}; {hint}" if capability is Capability.COUNTERS else hint


def instead(draft: Draft, path: Steps) -> str:
    """What does the same without the ability that is needed there, with `; ` behind it; empty: nothing does."""
    share = draft.value(*path) if draft.names(*path[:-1]).keys() == {"percentage"} else None
    return f"for a share of all requests say `strategy: canary` and `weights: [{share}]`; " if share else ""


def needs_of(draft: Draft) -> dict[Capability, Steps]:
    """What the plan needs, and the first place that needs it."""
    needs: dict[Capability, Steps] = {}
    for stage in draft.places("stages"):
        for capability, place in _needs_of_a_stage(draft, stage):
            needs.setdefault(capability, place)
    for key, capability in (("capture", Capability.CAPTURE), ("assign-by", Capability.STICKY)):
        if draft.has(key):
            needs.setdefault(capability, (key,))
    counted = _counted(draft)
    if counted is not None:
        needs[Capability.COUNTERS] = counted
    return needs


def _needs_of_a_stage(draft: Draft, stage: Steps) -> Iterator[tuple[Capability, Steps]]:
    strategy: Steps = (*stage, "strategy")
    for capability in _BY_STRATEGY.get(str(draft.value(*strategy)), ()):
        yield capability, strategy
    for use in known_uses(draft, (*stage, "gates")):
        if use.kind == "answers":
            yield Capability.CAPTURE, use.reference
    drawn = draws(draft, stage)
    if drawn:
        yield Capability.STICKY, drawn
    goal = draft.value(*stage, "goal")
    if goal is not None and draft.has("metrics", goal, "outcome"):
        yield Capability.CAPTURE, (*stage, "goal")
    if draft.has(*stage, "preview"):
        yield Capability.MATCH, (*stage, "preview")


_BY_STRATEGY = {
    "shadow": (Capability.MIRROR,),
    "feature-flag": (Capability.MATCH,),
    "ab": (Capability.SPLIT,),
    "bandit": (Capability.SPLIT,),
    "canary": (Capability.SPLIT,),
    "rolling": (Capability.SPLIT, Capability.REPLICAS),
    "recreate": (Capability.CLOSE,),
}


def _counted(draft: Draft) -> Steps | None:
    """The first place that needs counters: a gate with a metric, or a stage or plan that leaves it to the defaults."""
    for path in definitions(draft):
        if draft.has(*path, "metric") and draft.value(*path, "metric") not in draft.names("metrics"):
            return (*path, "metric")
    for stage in draft.places("stages"):
        if not draft.has("guards") or (not draft.has(*stage, "gates") and not draft.names("gates")):
            return stage
    return None
