"""What there is to draw at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.views.feed import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A rollout of a service at the time `now`, seconds since the epoch."""

    service: ServiceState
    rollout: RolloutState
    feed: Feed
    now: float

    @property
    def models(self) -> tuple[str, ...]:
        """The live model of the plan and its candidate."""
        compiled = self.rollout.compiled
        return (compiled.live,) if compiled.candidate is None else (compiled.live, compiled.candidate)

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
        """Every gate and guard that judges in some step: the panel keeps its height from start to end."""
        return tuple(dict.fromkeys(self._judging()))

    def _judging(self) -> Iterator[str]:
        for step in self.rollout.compiled.steps:
            yield from step.gates
        for step in self.rollout.compiled.steps:
            yield from step.guards
        yield from (verdict.gate for verdict in self.rollout.verdicts)
