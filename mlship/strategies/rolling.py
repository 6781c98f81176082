"""Rolling: replicas replaced batch by batch, the traffic following the replicas, capacity never below a floor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlship.plan.model import Rolling
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.step import Step
from mlship.strategies.pair import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Replicas once a batch is done: `new` of the candidate are up, `old` of the live model stay."""

    new: int
    old: int


def batches(stage: Rolling, *, old: int, new: int) -> Iterator[Batch]:
    """The course of replicas from (0 new, `old` old) to (`new`, 0).

    While a batch starts, at most `old + surge` replicas exist and at least `old - unavailable` are ready. A first batch
    with no new replica makes room where `surge` alone is too little.
    """
    pace = max(1, min(stage.batch, stage.surge + stage.unavailable))
    started = [*range(pace, new, pace), new]
    room = old + stage.surge - started[0]
    if room < old:
        yield Batch(new=0, old=room)
    for up, following in zip(started, [*started[1:], None], strict=True):
        stay = 0 if following is None else max(0, min(old - up, old + stage.surge - following))
        yield Batch(new=up, old=stay)


def compile_rolling(stage: Rolling, pair: Pair, current: Routing) -> Iterator[Step]:
    """One step per batch: new replicas ready, traffic in proportion, then as many old ones drained."""
    live, candidate = pair.live, pair.candidate
    course = list(batches(stage, old=live.replicas, new=candidate.replicas))
    total = sum(1 for batch in course if batch.new)
    splits = [place for place, batch in enumerate(course) if batch.new and batch.old]
    for place, batch in enumerate(course):
        share = round(WHOLE * batch.new / (batch.new + batch.old))
        number = place + 1 - (len(course) - total)
        step = Step(
            stage=stage.name,
            strategy="rolling",
            label=f"batch {number} of {total}" if batch.new else "make room",
            ready={candidate.name: batch.new} if batch.new else {},
            routing=pair.split(share) if batch.new else current,
            keep={live.name: batch.old},
            hold=stage.hold if batch.new else 0.0,
            requests=pair.least(stage) if batch.new and batch.old else 0,
            proof=bool(splits) and place == splits[-1],
        )
        yield pair.waiting(pair.judged(step, stage), stage)
