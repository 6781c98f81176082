"""Blue-green: a second environment, tested on the side, then all traffic at once; blue stays warm as the way back."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.plan.model import BlueGreen
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.step import Step
from mlship.strategies.pair import Pair


def compile_blue_green(stage: BlueGreen, pair: Pair, current: Routing) -> Iterator[Step]:
    """Green comes up beside the present routing; people sign off there; the switch bakes under the other gates."""
    green = pair.candidate.name
    up = Step(
        stage=stage.name,
        strategy="blue-green",
        label="green is up",
        ready={green: pair.candidate.replicas},
        routing=pair.preview(current, stage.preview),
        gates=pair.manual(stage),
        hold=stage.hold,
    )
    switch = Step(
        stage=stage.name,
        strategy="blue-green",
        label="switch",
        ready={green: pair.candidate.replicas},
        routing=pair.split(WHOLE),
        hold=stage.bake,
        requests=stage.requests or 0,
    )
    yield pair.waiting(up, stage)
    judged = pair.judged(switch, stage)
    yield pair.waiting(replace(judged, gates=tuple(set_apart(judged.gates, pair.manual(stage)))), stage)


def set_apart(names: tuple[str, ...], manual: tuple[str, ...]) -> Iterator[str]:
    """Names without the ones that a person has signed off in an earlier step."""
    return (name for name in names if name not in manual)
