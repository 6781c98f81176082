"""A step in which outcomes decide, as the preview speaks of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mlship.gates.judge import Budget, budget_of
from mlship.plan.model import Plan
from mlship.plan.outcome import Goal, Kind, Metric, Race
from mlship.plan.step import AtDeadline, Step
from mlship.views import words
from mlship.views.risk import rivals

_LATE = {AtDeadline.ROLLBACK: "rolled back", AtDeadline.PARK: "parked"}

Said = Iterator[tuple[str, str]]
"""What a sentence is about, and the sentence."""


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """A step in which outcomes decide, and the plan that it is of."""

    plan: Plan
    step: Step
    live: str

    @property
    def gate(self) -> Goal | Race | None:
        """What decides."""
        gates = (self.plan.gates[name] for name in self.step.gates)
        return next((gate for gate in gates if isinstance(gate, Goal | Race)), None)

    @property
    def budget(self) -> Budget:
        """How often the gates may err about one candidate, as the panels have it."""
        return budget_of(self.plan.gates.values(), self.plan.alpha, challengers=rivals(self.plan))

    @property
    def units(self) -> str:
        """What is counted: that which is randomised."""
        return "users" if self.step.routing.assign_by else "requests"

    @property
    def who(self) -> str:
        """Who is to replace the live model."""
        names = self.step.challengers
        return names[0] if len(names) == 1 else f"a candidate ({words.listed(names, 'or')})"

    @property
    def late(self) -> str:
        """What happens at the deadline."""
        return f"{_LATE[self.step.at_deadline]} after {words.duration(self.step.deadline)}"


def counted(experiment: Experiment, metric: Metric) -> str:
    """Who counts once, and what of."""
    header = experiment.step.routing.assign_by
    who = f"{experiment.units} (by the header {header})" if header else experiment.units
    if metric.source:
        return f"{who}, as {metric.source} tells them of each model, and the sums of their outcomes."
    what = "whether its" if metric.kind is Kind.RATE else "the sum of its"
    came = " came to more than 0" if metric.kind is Kind.RATE else ""
    since = "its first request" if header else "it"
    within = words.duration(metric.within)
    return f"{who}, each once, {within} after {since}: {what} outcomes `{metric.outcome}` until then{came}."
