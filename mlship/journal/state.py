"""State is the fold of the journal: `apply` one event, `fold` them all. Nothing else is state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlship.journal.events import Intended, Looked, Requested
from mlship.plan.routing import Routing
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Verdict


class Status(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    PARKED = "parked"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    PROMOTED = "promoted"
    BROUGHT_UP = "brought up"
    ROLLBACK_INCOMPLETE = "rollback incomplete"

    @property
    def over(self) -> bool:
        """The rollout has ended; only a new one, or a rollback, can follow."""
        return self in {Status.ROLLED_BACK, Status.PROMOTED, Status.BROUGHT_UP}


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """One run of a plan, as far as the journal tells."""

    rollout: str
    status: Status
    compiled: CompiledPlan
    plan: Mapping[str, Any]
    base: str
    by: str
    started_at: float
    ended_at: float | None = None
    step: int = 0
    """Index of the step at work, or passed last."""
    entered_at: float | None = None
    settled_at: float | None = None
    """When the acts of the step at work were done; None while they are under way."""
    passed: bool = False
    """The step at work has passed."""
    asked: Routing | None = None
    """The routing confirmed last."""
    pending: Intended | None = None
    """An act that was intended and whose outcome is not recorded: a crash, or it is under way."""
    history: Looked | None = None
    """Look number 0: the counters before the rollout."""
    looks: int = 0
    """Looks so far, which is also the number of the last one."""
    last: Looked | None = None
    verdicts: tuple[Verdict, ...] = ()
    order: Requested | None = None
    """The last order that no event has answered yet."""
    approved_step: int | None = None
    """The step whose manual gates `promote` has signed off."""
    paused: bool = False
    reason: str = ""
    """Why it is parked, rolled back or incomplete, in words."""
    downtime: float | None = None

    @property
    def current(self) -> Step | None:
        """The step at work; None where the plan has none."""
        return self.compiled.steps[self.step] if self.step < len(self.compiled.steps) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service: what is live, what was before, and its latest rollout."""

    service: str
    live: str | None = None
    """The model that users rely on; during a rollout, the one that a rollback returns to."""
    previous: str | None = None
    """The model that was live before: the target of a rollback after a promotion."""
    rollout: RolloutState | None = None
    down: bool = False
    """`mlship down` has stopped everything."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Every model the service has had, as its plan wrote it: what a rollback brings back."""
