"""Shadow: challengers answer copies of live requests; users only ever see the live model's answers."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.plan.balancer.check import BALANCERS
from mlship.plan.model import Plan, Shadow
from mlship.plan.routing import Capture, Mirror, Routing
from mlship.plan.step import Step
from mlship.strategies.pair import Pair


def compile_shadow(stage: Shadow, pair: Pair, current: Routing) -> Iterator[Step]:
    """One step with every mirror, then one without: the challenger that goes on stays up, the others go.

    Every challenger is judged by itself. Which one goes on is known when the first step has passed; until then the plan
    is compiled as if the pair's candidate were the one.
    """
    models = pair.plan.models
    mirrors = tuple(Mirror(model=name, share=share) for name, share in stage.mirror.items())
    watched = Step(
        stage=stage.name,
        strategy="shadow",
        label=f"copies to {_listed([mirror.model for mirror in mirrors])}",
        ready={name: models[name].replicas for name in stage.mirror},
        routing=replace(current, mirrors=mirrors, capture=_kept(pair.plan)),
        challengers=tuple(stage.mirror),
        hold=stage.hold,
        requests=pair.least(stage),
    )
    yield pair.waiting(pair.judged(watched, stage), stage)
    yield Step(
        stage=stage.name,
        strategy="shadow",
        label=f"{pair.candidate.name} goes on",
        ready={pair.candidate.name: pair.candidate.replicas},
        routing=current,
        keep={name: 0 for name in stage.mirror if name != pair.candidate.name},
    )


def _kept(plan: Plan) -> Capture | None:
    """Which answers are kept; of copies behind a balancer of somebody else's there are only counters."""
    return None if plan.driver.name in BALANCERS else plan.capture.routed()


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
