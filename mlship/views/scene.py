"""What there is to draw at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.outcome import Kind
from mlship.plan.verdict import Outcome, Verdict
from mlship.views.contest import contested, out, undecided
from mlship.views.feed import Feed

_TROUBLE = {Outcome.FAIL, Outcome.BLIND}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout of a service at the time `now`, seconds since the epoch."""

    service: ServiceState
    rollout: RolloutState
    feed: Feed
    now: float
    unattended: bool = False
    """A rollout is under way, and nobody is at work on it."""

    @property
    def models(self) -> tuple[str, ...]:
        """The live model of the plan and its candidate, or every challenger until one is chosen."""
        compiled = self.rollout.compiled
        if self.undecided:
            return (compiled.live, *self.undecided)
        return (compiled.live,) if compiled.candidate is None else (compiled.live, compiled.candidate)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The challengers of which one is still to be chosen."""
        return undecided(self.rollout)

    @property
    def said(self) -> tuple[Verdict, ...]:
        """The verdicts on the challengers: those that stand, or those that the choice was made by."""
        return self.rollout.verdicts if self.undecided else self.feed.judged

    @property
    def mirrors(self) -> Mapping[str, int]:
        """Challenger → basis points of the live requests that it gets copies of: now, or when it comes to that."""
        routing = self.rollout.asked
        if self.undecided and (routing is None or not routing.mirrors):
            routing = self.rollout.compiled.steps[contested(self.rollout.compiled)].routing
        return {mirror.model: mirror.share for mirror in routing.mirrors} if routing else {}

    @property
    def challengers(self) -> tuple[str, ...]:
        """Every model that gets copies in this rollout, one or several."""
        return next((step.challengers for step in self.rollout.compiled.steps if step.routing.mirrors), ())

    @property
    def answering(self) -> tuple[str, ...]:
        """The challengers whose answers the dashboard has a line for: not those of which one has been chosen."""
        found = self.challengers
        return found if len(found) == 1 or (found and found == self.undecided) else ()

    @property
    def trial(self) -> int | None:
        """The step in which outcomes decide: the one at work, or passed last, or else the first to come."""
        found = [index for index, step in enumerate(self.rollout.compiled.steps) if step.metric is not None]
        return max((index for index in found if index <= self.rollout.step), default=next(iter(found), None))

    @property
    def rates(self) -> frozenset[str]:
        """Metrics that are parts of units, so that a gain in them is one of points."""
        metrics = [step.metric for step in self.rollout.compiled.steps if step.metric]
        return frozenset(metric.name for metric in metrics if metric.kind is Kind.RATE)

    def gone(self, challenger: str) -> Verdict | None:
        """Why the challenger cannot go on; None: it may."""
        return out(self.said, challenger) or self._lost(challenger)

    def _lost(self, challenger: str) -> Verdict | None:
        """Nothing judges an arm any more that has lost its users: what it failed is remembered."""
        step = contested(self.rollout.compiled)
        if step < 0 or not self.rollout.compiled.steps[step].has_lost(challenger):
            return None
        told = self.feed.trials[step].lost.get(challenger) if step in self.feed.trials else None
        return told or Verdict(gate="users", outcome=Outcome.FAIL, reason="it has lost them", challenger=challenger)

    @property
    def elapsed(self) -> float:
        """Seconds since the rollout began, or that it took."""
        return (self.rollout.ended_at or self.now) - self.rollout.started_at

    @property
    def working(self) -> bool:
        """Something is still going to happen by itself."""
        return self.rollout.status in {Status.RUNNING, Status.ROLLING_BACK} and not self.unattended

    @property
    def gates(self) -> tuple[str, ...]:
        """Every gate and guard that judges the candidate in some step: the panel keeps its height from start to end."""
        return tuple(dict.fromkeys(self._judging()))

    def _judging(self) -> Iterator[str]:
        steps = [step for step in self.rollout.compiled.steps if len(step.challengers) < 2]
        for step in steps:
            yield from step.gates
        for step in steps:
            yield from step.guards
        # What no plan names has a place only where somebody has to know it: the panel does not jump for good news.
        yield from (v.name for v in self.rollout.verdicts if not v.challenger and v.outcome in _TROUBLE)
