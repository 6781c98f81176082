"""A/B test: different users get different models, in fixed shares; a test on their outcomes decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan.model import AB
from mlship.plan.outcome import Goal
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.step import Step
from mlship.strategies.arms import counted, goes_on
from mlship.strategies.pair import Pair


def compile_ab(stage: AB, pair: Pair, current: Routing) -> Iterator[Step]:
    """One step with every arm; with several candidates a second one, in which the better goes on with its share."""
    goal = pair.plan.gates[stage.goal]
    assert isinstance(goal, Goal)
    split = {pair.named(arm): share for arm, share in stage.split.items()}
    arms = tuple(arm for arm in split if arm != pair.live.name)
    routing = counted(pair.divided(split, current), goal, pair.plan)
    step = Step(
        stage=stage.name,
        strategy="ab",
        label=f"{' and '.join(arms)} against {pair.live.name}",
        ready={arm: pair.plan.models[arm].replicas for arm in arms},
        routing=routing,
        challengers=arms,
        metric=goal.metric,
        hold=stage.hold,
        requests=pair.least(stage),
        proof=True,
    )
    yield pair.waiting(pair.judged(step, stage), stage)
    if len(arms) > 1:
        yield goes_on(step, pair, _alone(split, pair))


def _alone(split: Mapping[str, int], pair: Pair) -> Mapping[str, int]:
    share = split.get(pair.candidate.name, 0)
    return {pair.candidate.name: share, pair.live.name: WHOLE - share}
