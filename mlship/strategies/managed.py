"""Managed: one act, which the backend carries out by itself; its alarms judge on the way, the gates afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.plan.model import BlueGreen, Canary, Rolling
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.shift import Managed, Shift, ShiftKind, rolled, stepped
from mlship.plan.step import Step
from mlship.strategies.blue_green import set_apart
from mlship.strategies.pair import Pair


def compile_managed(
    stage: Canary | BlueGreen | Rolling, managed: Managed, pair: Pair, current: Routing
) -> Iterator[Step]:
    """Sign-off first where it is asked for; then the shift, after which the old fleet is gone."""
    strategy, shift = _shift(stage, pair)
    manual = pair.manual(stage)
    if manual:
        approval = Step(stage=stage.name, strategy=strategy, label="approval", routing=current, gates=manual)
        yield pair.waiting(approval, stage)
    step = Step(
        stage=stage.name,
        strategy=strategy,
        label=_label(shift),
        ready={pair.candidate.name: pair.candidate.replicas},
        routing=replace(pair.split(WHOLE), shift=managed.timed(shift)),
        keep={pair.live.name: 0},
        requests=stage.requests or 0,
    )
    judged = pair.judged(step, stage)
    yield pair.waiting(replace(judged, gates=tuple(set_apart(judged.gates, manual))), stage)


def _shift(stage: Canary | BlueGreen | Rolling, pair: Pair) -> tuple[str, Shift]:
    """The strategy's name, and the shift without limit and alarms.

    Raises:
        ValueError: the backend has no such shift; the plan was not checked.
    """
    match stage:
        case BlueGreen(bake=bake):
            return "blue-green", Shift(kind=ShiftKind.ALL_AT_ONCE, bake=bake, limit=0.0)
        case Canary():
            name, shift = "canary", stepped(stage.weights, hold=stage.hold)
        case Rolling():
            instances = max(pair.live.replicas, pair.candidate.replicas)
            name, shift = "rolling", rolled(batch=stage.batch, instances=instances, hold=stage.hold)
    if shift is None:
        raise ValueError(f"no backend can shift by {stage}")
    return name, shift


def _label(shift: Shift) -> str:
    match shift.kind:
        case ShiftKind.ALL_AT_ONCE:
            return "all at once"
        case ShiftKind.CANARY:
            return f"{shift.share / 100:g} %, then all"
        case ShiftKind.LINEAR:
            return f"{shift.share / 100:g} % at a time"
        case ShiftKind.ROLLING:
            return f"{shift.batch} at a time"
