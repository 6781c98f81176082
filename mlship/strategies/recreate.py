"""Recreate: stop old, start new. The downtime is announced by the router, measured and reported."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.plan.model import Recreate
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.step import Step
from mlship.strategies.blue_green import set_apart
from mlship.strategies.pair import Pair


def compile_recreate(stage: Recreate, pair: Pair, current: Routing) -> Iterator[Step]:
    """Sign-off first where it is asked for; the door closes, the old model stops, the new one starts and opens it."""
    live, candidate = pair.live, pair.candidate
    manual = pair.manual(stage)
    if manual:
        approval = Step(stage=stage.name, strategy="recreate", label="approval", routing=current, gates=manual)
        yield pair.waiting(approval, stage)
    yield Step(
        stage=stage.name,
        strategy="recreate",
        label=f"stop {live.name}",
        routing=all_to(live.name, closed=True),
        keep={live.name: 0},
    )
    start = Step(
        stage=stage.name,
        strategy="recreate",
        label=f"start {candidate.name}",
        ready={candidate.name: candidate.replicas},
        routing=pair.split(WHOLE),
        hold=stage.bake,
        requests=stage.requests or 0,
    )
    judged = pair.judged(start, stage)
    yield pair.waiting(replace(judged, gates=tuple(set_apart(judged.gates, manual))), stage)
