"""What a plan means: one pure compile function per strategy, stage → steps, the way back included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec.structs import replace

from mlship.plan.model import (
    AB,
    AnyStage,
    Bandit,
    BlueGreen,
    Canary,
    FeatureFlag,
    Model,
    Plan,
    Recreate,
    Rolling,
    Shadow,
    Stage,
)
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.step import CompiledPlan, Step
from mlship.strategies.ab import compile_ab
from mlship.strategies.bandit import compile_bandit
from mlship.strategies.blue_green import compile_blue_green
from mlship.strategies.canary import compile_canary
from mlship.strategies.feature_flag import compile_feature_flag
from mlship.strategies.managed import compile_managed
from mlship.strategies.pair import Pair
from mlship.strategies.recreate import compile_recreate
from mlship.strategies.rolling import compile_rolling
from mlship.strategies.shadow import compile_shadow


def compile_plan(plan: Plan, *, live: str, salt: str = "") -> CompiledPlan:
    """Every step from `live` alone to the candidate alone, and the one way back.

    The first step makes sure that `live` serves, so a new service needs no command of its own. `salt` decides which
    users see the candidate first; a rollout's own id makes it different users each time.
    """
    candidate = candidate_of(plan, live)
    steps = [_serves(plan.models[live])]
    if candidate is not None:
        pair = Pair(plan=plan, live=plan.models[live], candidate=plan.models[candidate], salt=salt)
        for stage in plan.stages:
            steps.extend(compile_stage(stage, pair, steps[-1].routing))
        steps.extend(_finish(pair, steps))
    return CompiledPlan(
        service=plan.service, live=live, candidate=candidate, steps=tuple(steps), way_back=_back(plan, live, steps)
    )


def candidate_of(plan: Plan, live: str) -> str | None:
    """The model that is to replace `live`; None where the plan only brings `live` up."""
    others = [name for name in plan.models if name != live]
    return plan.candidate if plan.candidate != live and plan.candidate else next(iter(others), None)


def compile_stage(stage: AnyStage, pair: Pair, current: Routing) -> Iterator[Step]:  # noqa: C901, PLR0911 - one per strategy
    """The steps of one stage, which starts under the routing `current`; rules and captures end with their stage."""
    current = replace(current.reached, rules=(), capture=None)
    match stage:
        case Canary() | BlueGreen() | Rolling() if stage.managed:
            return compile_managed(stage, stage.managed, pair, current)
        case Shadow():
            return compile_shadow(stage, pair, current)
        case FeatureFlag():
            return compile_feature_flag(stage, pair)
        case AB():
            return compile_ab(stage, pair, current)
        case Bandit():
            return compile_bandit(stage, pair, current)
        case Canary():
            return compile_canary(stage, pair, current)
        case BlueGreen():
            return compile_blue_green(stage, pair, current)
        case Rolling():
            return compile_rolling(stage, pair, current)
        case Recreate():
            return compile_recreate(stage, pair, current)
        case _:
            assert_never(stage)


def _serves(live: Model) -> Step:
    return Step(
        stage="start",
        strategy="",
        label=f"{live.name} serves",
        ready={live.name: live.replicas},
        routing=all_to(live.name),
    )


def _finish(pair: Pair, steps: list[Step]) -> Iterator[Step]:
    plan, old, new = pair.plan, pair.live.name, pair.candidate
    everything = pair.split(WHOLE)
    if plan.bake or steps[-1].routing.share(new.name) < 1:
        whole = Step(
            stage="finish",
            strategy="",
            label="100 %",
            ready={new.name: new.replicas},
            routing=everything,
            hold=plan.bake,
        )
        finish = Stage(name="finish", gates=())
        yield pair.waiting(pair.judged(whole, finish), finish)
    if not plan.keep_old and all(step.keep.get(old) != 0 for step in steps):
        yield Step(stage="finish", strategy="", label=f"retire {old}", routing=everything, keep={old: 0})


def _back(plan: Plan, live: str, steps: list[Step]) -> Step:
    others = dict.fromkeys(name for step in steps for name in step.ready if name != live)
    return Step(
        stage="rollback",
        strategy="",
        label=f"all to {live}",
        ready={live: plan.models[live].replicas},
        routing=all_to(live),
        keep=dict.fromkeys(others, 0),
    )
