"""Numbers from outside the router, as the engine asks for them: cohorts of outcomes, and single values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from mlship.clock import Clock
from mlship.errors import MlshipError, OutOfReach
from mlship.metrics.base import Source, Totals, difference
from mlship.metrics.rewards import Asked, Reward, Rewards, next_cohort
from mlship.plan.outcome import Kind, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when a metric was counted, and the totals of each arm by then."""

    end: float
    arms: Mapping[str, Totals]


class SourcedNumbers:
    """`RewardSource` and `OutsideSource` over the sources that a plan's metrics name.

    A source tells totals; what a cohort brought is the difference to the totals in the mark. A counter that fell was
    reset: that arm brings nothing then, and its totals begin anew. An arm without data brings nothing either, and
    nothing of it is lost: its totals stay as they were.
    """

    def __init__(self, *, open_source: Callable[[Metric], Source], clock: Clock) -> None:
        self._open = open_source
        self._clock = clock
        self._sources: dict[str, Source] = {}

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        """What the units of each arm came to since the mark."""
        before = self._decoded(metric, asked, mark)
        start, end = next_cohort(asked, repr(before.end), until=self._clock.now() - metric.within)
        if end <= start:
            return Rewards(start=start, end=start), _encoded(before)
        with _unreachable():
            after = {arm: self._source(metric).totals(arm, asked.since, end) for arm in asked.arms}
        if all(totals is None for totals in after.values()):
            raise OutOfReach(f"{metric.name}: the {metric.source} has no data of any arm")
        found = {arm: _counted(before.arms.get(arm), totals, metric.kind) for arm, totals in after.items()}
        arms = {arm: reward for arm, (reward, _) in found.items()}
        totals = {arm: kept for arm, (_, kept) in found.items() if kept is not None}
        return Rewards(start=start, end=end, arms=arms), _encoded(Mark(end=end, arms=totals))

    def value(self, metric: Metric, model: str, since: float) -> float | None:
        """One number about the model, from `since` until now."""
        with _unreachable():
            return self._source(metric).value(model, since, self._clock.now())

    def _decoded(self, metric: Metric, asked: Asked, mark: str) -> Mark:
        """The mark; the first one holds the totals from before the comparison, which not all sources have as 0."""
        if mark:
            return msgspec.json.decode(mark, type=Mark)
        with _unreachable():
            found = {arm: self._source(metric).totals(arm, asked.since, asked.since) for arm in asked.arms}
        return Mark(end=asked.since, arms={arm: totals or Totals() for arm, totals in found.items()})

    def _source(self, metric: Metric) -> Source:
        if metric.name not in self._sources:
            self._sources[metric.name] = self._open(metric)
        return self._sources[metric.name]


def _counted(before: Totals | None, after: Totals | None, kind: Kind) -> tuple[Reward, Totals | None]:
    """What came since, and the totals that the next cohort starts from."""
    if after is None:
        return Reward(), before
    new = difference(before, after)
    if new is None:
        return Reward(), after
    if kind is Kind.MEAN:
        return Reward(units=new.count, sum=new.sum, square=new.square, reported=new.count), after
    # Outcomes may be counted before their units are: what is too much belongs to the next cohort.
    had = min(max(round(new.sum), 0), new.count)
    begun = before.sum if before else 0.0
    kept = Totals(count=after.count, sum=begun + had, square=after.square)
    return Reward(units=new.count, sum=had, square=had, reported=had), kept


def _encoded(mark: Mark) -> str:
    return msgspec.json.encode(mark).decode()


@contextmanager
def _unreachable() -> Iterator[None]:
    """During a rollout a source that cannot be used is one that cannot be reached: it holds, and rolls nothing back."""
    try:
        yield
    except OutOfReach:
        raise
    except MlshipError as error:
        raise OutOfReach(error.message, hint=error.hint) from error
