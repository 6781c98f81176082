"""What there is to draw at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.verdict import Outcome, Verdict
from mlship.views.contest import contested, undecided
from mlship.views.feed import Feed

_TROUBLE = {Outcome.FAIL, Outcome.BLIND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A rollout of a service at the time `now`, seconds since the epoch."""

    service: ServiceState
    rollout: RolloutState
    feed: Feed
    now: float

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
        """Every challenger of the rollout, one or several."""
        return next((step.challengers for step in self.rollout.compiled.steps if step.challengers), ())

    @property
    def answering(self) -> tuple[str, ...]:
        """The challengers whose answers the dashboard has a line for: not those of which one has been chosen."""
        return self.undecided or (self.challengers if len(self.challengers) == 1 else ())

    @property
    def elapsed(self) -> float:
        """Seconds since the rollout began, or that it took."""
        return (self.rollout.ended_at or self.now) - self.rollout.started_at

    @property
    def working(self) -> bool:
        """Something is still going to happen by itself."""
        return self.rollout.status in {Status.RUNNING, Status.ROLLING_BACK}

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
