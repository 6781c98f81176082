"""What a stage compiles to. A step is inert data: `mlship plan` prints the very steps that `mlship deploy` executes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from mlship.plan.outcome import Metric
from mlship.plan.routing import Routing


class AtDeadline(StrEnum):
    """What happens when a step has not passed by its deadline."""

    ROLLBACK = "rollback"
    PARK = "park"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One routing, one wait, its gates. Carried out in this order: `ready`, `routing`, `keep`, then hold and judge."""

    stage: str
    strategy: str
    label: str
    """What a person reads: "5 %", "batch 2 of 3", "green is up", "bake"."""
    routing: Routing
    ready: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Model → replicas that must have passed their health check before the routing changes."""
    keep: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Model → replicas that stay once the routing is confirmed; 0 drains and stops the model."""
    gates: tuple[str, ...] = ()
    """Names of the gates that must pass before the next step."""
    guards: tuple[str, ...] = ()
    """Names of the gates that roll back when they fail, and do not hold the step otherwise."""
    challengers: tuple[str, ...] = ()
    """Models that each are judged by themselves in this step; one of those that pass becomes the candidate."""
    metric: Metric | None = None
    """Whose outcomes decide between the models that serve."""
    race: str = ""
    """Name of the gate that moves the weights; empty: they stay."""
    proof: bool = False
    """Comparisons must prove "not worse by the margin", not merely show no harm."""
    hold: float = 0.0
    """Least seconds in this step."""
    requests: int = 0
    """Least requests that the candidate must have answered in this step."""
    deadline: float = 3600.0
    """Most seconds in this step."""
    at_deadline: AtDeadline = AtDeadline.ROLLBACK

    def late(self, waiting: Collection[str], unsigned: Collection[str]) -> AtDeadline:
        """What happens at the deadline while the gates `waiting` have not passed: a missing signature alone parks."""
        return AtDeadline.PARK if waiting and set(waiting) <= set(unsigned) else self.at_deadline

    def has_lost(self, challenger: str) -> bool:
        """The challenger has neither users nor copies of their requests: it was taken out of the step."""
        routing = self.routing
        served = routing.weights.keys() | routing.picked | {mirror.model for mirror in routing.mirrors}
        return challenger in self.challengers and challenger not in served


class CompiledPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, compiled: every step forward, and the one way back from each of them."""

    service: str
    live: str
    candidate: str | None
    """None: the plan only brings the live model up."""
    steps: tuple[Step, ...]
    way_back: Step
