"""What a journal amounts to: a service, and its latest rollout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.journal.events import (
    Intended,
    Looked,
    Requested,
    Reviewed,
)
from mlship.journal.status import Status
from mlship.plan.routing import Routing
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Verdict


class Reroute(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on, new users were divided by these weights (basis points)."""

    at: float
    weights: Mapping[str, int]


class RolloutState(msgspec.Struct, frozen=True, kw_only=True):
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
    held_since: float | None = None
    """When the hold time began where the weights have moved since; None: when the acts of the step were done."""
    reroutes: tuple[Reroute, ...] = ()
    """How the traffic was divided in the step at work, oldest first."""
    passed: bool = False
    """The step at work has passed."""
    asked: Routing | None = None
    """The routing confirmed last."""
    ensured: frozenset[str] = frozenset()
    """Models whose replicas are known to be what the plan defines: this rollout has brought them up."""
    pending: Intended | None = None
    """An act that was intended and whose outcome is not recorded: a crash, or it is under way."""
    history: Looked | None = None
    """Look number 0: the counters before the rollout."""
    looks: int = 0
    """Looks so far, which is also the number of the last one."""
    last: Looked | None = None
    verdicts: tuple[Verdict, ...] = ()
    revision: int = 0
    """Changes of rules and weights so far."""
    order: Requested | None = None
    """The last order that no event has answered yet."""
    approved_step: int | None = None
    """The step whose manual gates `promote` has signed off."""
    paused: bool = False
    reason: str = ""
    """Why it is parked, rolled back or incomplete, in words."""
    back_to: str | None = None
    """Where the last rollback goes, done or not."""
    downtime: float | None = None
    reviewed: Reviewed | None = None
    """The last review of the promotion, by labels that came after it."""

    @property
    def began_at(self) -> float | None:
        """When the hold time and the deadline of the step at work began."""
        return self.settled_at if self.held_since is None else self.held_since

    @property
    def signed(self) -> bool:
        """Somebody has signed the manual gates of the step at work."""
        return self.approved_step == self.step

    @property
    def current(self) -> Step | None:
        """The step at work; None where the plan has none."""
        return self.compiled.steps[self.step] if 0 <= self.step < len(self.compiled.steps) else None


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """A service: what is live, what was before, and its latest rollout."""

    service: str
    live: str | None = None
    """The model that users rely on; during a rollout, the one that a rollback returns to."""
    previous: str | None = None
    """The model that was live before: the target of a rollback after a promotion."""
    rollout: RolloutState | None = None
    routing: Routing | None = None
    """What the last rollout that ended has left; None: none has ended, or everything was stopped."""
    down: bool = False
    """`mlship down` has stopped everything."""
    models: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    """Every model the service has had, as its plan wrote it: what a rollback brings back."""
    bases: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Model → folder that relative paths in its document start from."""
    seq: int = 0
    """Position in the journal up to which it is folded: read on `after` it."""
