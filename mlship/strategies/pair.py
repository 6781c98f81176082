"""The two models of a rollout, and the routings between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from mlship.plan.answergates import Drift, Floor, Quality
from mlship.plan.balancer.countless import COUNTLESS
from mlship.plan.model import Comparison, Gate, Manual, Model, Plan, Stage
from mlship.plan.outcome import Goal, Race
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import Rule
from mlship.plan.segments import moved
from mlship.plan.step import Step

REQUESTS = 100
"""Requests that the candidate must have answered before a split step may pass, unless the stage says otherwise."""

LEAST_DEADLINE = 3600.0
"""Seconds; a step's deadline is this or ten times its hold, whichever is longer, unless the stage says `at-most`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The live model and its candidate, with what every routing of the rollout shares."""

    plan: Plan
    live: Model
    candidate: Model
    salt: str

    def split(self, share: int, current: Routing | None = None) -> Routing:
        """`share` basis points to the candidate, the rest to the live model; who has the candidate now keeps it."""
        return self.divided({self.candidate.name: share, self.live.name: WHOLE - share}, current)

    def divided(self, weights: Mapping[str, int], current: Routing | None = None) -> Routing:
        """Basis points for each model, with as few users moved from `current` as they demand."""
        before = current.segments if current else ((self.live.name, WHOLE),)
        return Routing(
            segments=moved(before, weights, live=self.live.name), assign_by=self.plan.assign_by, salt=self.salt
        )

    def named(self, arm: str) -> str:
        """The model that an arm is: "live" and "candidate" are roles."""
        return {"live": self.live.name, "candidate": self.candidate.name}.get(arm, arm)

    def preview(self, routing: Routing, rule: Rule | None) -> Routing:
        """The same shares, with one header that reaches the candidate."""
        return replace(routing, rules=(replace(rule, model=self.candidate.name),)) if rule else routing

    def is_split(self, routing: Routing) -> bool:
        """Live and candidate both get traffic, so that they can be compared."""
        return {self.live.name, self.candidate.name} <= routing.asked.keys()

    def judged(self, step: Step, stage: Stage) -> Step:
        """The step with those of the stage's gates and the plan's guards that its routing gives numbers to."""
        gates = tuple(name for name in stage.gates or () if self._speaks(self.plan.gates[name], step.routing))
        guards = tuple(
            name for name in self.plan.guards if name not in gates and self._speaks(self.plan.gates[name], step.routing)
        )
        return replace(step, gates=gates, guards=guards)

    def waiting(self, step: Step, stage: Stage) -> Step:
        """The step with the stage's deadline."""
        deadline = stage.at_most if stage.at_most is not None else max(LEAST_DEADLINE, 10 * step.hold)
        return replace(step, deadline=deadline, at_deadline=stage.at_deadline)

    def least(self, stage: Stage) -> int:
        """Requests that the candidate must have answered before the step may pass; none where nobody counts them."""
        if stage.requests is not None:
            return stage.requests
        return 0 if self.plan.driver.name in COUNTLESS else REQUESTS

    def manual(self, stage: Stage) -> tuple[str, ...]:
        """The stage's gates that a person signs off."""
        return tuple(name for name in stage.gates or () if isinstance(self.plan.gates[name], Manual))

    def _speaks(self, gate: Gate, routing: Routing) -> bool:
        match gate:
            case Comparison() | Goal() | Race():
                return self.is_split(routing) or bool(routing.mirrors)
            case Manual():
                return True
            case Quality() | Floor() | Drift():
                return bool(routing.mirrors)
            case _:
                reached = self.candidate.name in {*routing.asked, *routing.picked}
                return reached or bool(routing.mirrors)
