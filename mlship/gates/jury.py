"""Who judges a rollout: a panel for each model that may become the candidate."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from mlship.gates.choice import strongest
from mlship.gates.panel import Counts, Panel
from mlship.metrics.look import Look
from mlship.metrics.rewards import Allocation
from mlship.plan.model import Alpha, Gate, Manual
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Verdict


class Jury:
    """The panels of a rollout: one, or one per challenger until a challenger is chosen.

    Challengers share the error budget in equal parts, also after one of them has been chosen: the others' chances to
    deceive have been taken by then.
    """

    def __init__(self, *, gates: Mapping[str, Gate], alpha: Alpha, compiled: CompiledPlan, sticky: bool) -> None:
        challengers = tuple(dict.fromkeys(name for step in compiled.steps for name in step.challengers))
        names = challengers or (compiled.candidate or "",)
        self._panels = {
            name: Panel(
                gates=gates, alpha=alpha, live=compiled.live, candidate=name, sticky=sticky, challengers=len(names)
            )
            for name in names
        }
        self._gates = gates
        self._manual = {name for name, gate in gates.items() if isinstance(gate, Manual)}
        self._candidate = compiled.candidate or ""
        self._step: Step | None = None

    def begin(self, step: Step, at: float) -> None:
        """A step starts: its requests are counted from 0, the evidence goes on."""
        self._step = step
        for panel in self._panels.values():
            panel.begin(step, at)

    def reroute(self, step: Step, at: float) -> None:
        """The step at work goes on with other weights, since `at`."""
        self._step = step
        for panel in self._panels.values():
            panel.reroute(step)

    def allocation(self, verdicts: tuple[Verdict, ...], now: float, *, salt: str) -> Allocation | None:
        """How the traffic is to be divided from `now` on; None: as it is. `salt` feeds the policies that draw."""
        return None

    def absorb(self, look: Look) -> None:
        """Take one look."""
        for panel in self._panels.values():
            panel.absorb(look)

    def choose(self, candidate: str) -> None:
        """From now on only `candidate` is judged."""
        self._candidate = candidate

    def verdicts(self, *, approved: bool) -> tuple[Verdict, ...]:
        """What is said of the candidate, or of each challenger; what is the same for all is said once."""
        if self._step is None or len(self._step.challengers) < 2:
            return self._own.verdicts(approved=approved)
        found: dict[Verdict, None] = {}
        for name in self._step.challengers:
            for verdict in self._panels[name].verdicts(approved=approved):
                shared = verdict.gate in self._manual
                found[verdict if shared else replace(verdict, challenger=name)] = None
        return tuple(found)

    def best(self, through: tuple[str, ...]) -> tuple[str, str]:
        """Of the challengers that passed, the one that goes on, and why."""
        verdicts = {name: self._panels[name].verdicts(approved=True) for name in through}
        return strongest(verdicts, gates=self._gates, required=self._step.gates if self._step else ())

    @property
    def requests(self) -> int:
        """Requests that the candidate has answered in this step."""
        return self._own.requests

    @property
    def copies(self) -> Mapping[str, int]:
        """Challenger → copies that it has answered in this step."""
        names = self._step.challengers if self._step else ()
        return {name: self._panels[name].requests for name in names}

    def counts(self) -> Counts:
        """What has been counted of the candidate."""
        return self._own.counts()

    @property
    def _own(self) -> Panel:
        return self._panels.get(self._candidate) or next(iter(self._panels.values()))
