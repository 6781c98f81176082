"""Who judges a rollout: a panel for each model that may become the candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from mlship.gates.arms import without
from mlship.gates.choice import strongest
from mlship.gates.panel import Counts, Panel
from mlship.gates.race import RaceJudge
from mlship.metrics.look import Look
from mlship.metrics.rewards import Allocation
from mlship.plan.model import Alpha, Gate, Manual
from mlship.plan.outcome import Race
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Outcome, Verdict


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
        self._races = {
            name: RaceJudge(gate, live=compiled.live, rivals=_rivals(compiled, name))
            for name, gate in gates.items()
            if isinstance(gate, Race)
        }
        self._gates = gates
        self._manual = {name for name, gate in gates.items() if isinstance(gate, Manual)}
        self._live, self._candidate = compiled.live, compiled.candidate or ""
        self._step: Step | None = None

    def begin(self, step: Step, at: float) -> None:
        """A step starts: its requests are counted from 0, the evidence goes on."""
        self._step = step
        for panel in self._panels.values():
            panel.begin(step, at)
        for race in self._races.values():
            race.begin(step, at)

    def reroute(self, step: Step, at: float) -> None:
        """The step at work goes on with other weights, since `at`."""
        self._step = step
        for panel in self._panels.values():
            panel.reroute(step)
        for race in self._races.values():
            race.reroute(step, at)

    def allocation(self, verdicts: tuple[Verdict, ...], now: float, *, salt: str) -> Allocation | None:
        """How the traffic is to be divided from `now` on; None: as it is. `salt` feeds the policies that draw."""
        step = self._step
        if step is None or len(step.challengers) < 1:
            return None
        dead = _dead(step, verdicts)
        if step.race in self._races:
            return self._races[step.race].allocation(dead, now, salt=salt)
        return without(dead, step.routing.weights, live=self._live)

    def absorb(self, look: Look) -> None:
        """Take one look."""
        for panel in self._panels.values():
            panel.absorb(look)
        for race in self._races.values():
            race.absorb(look)

    def choose(self, candidate: str) -> None:
        """From now on only `candidate` is judged."""
        self._candidate = candidate

    def verdicts(self, *, approved: bool) -> tuple[Verdict, ...]:
        """What is said of the candidate, or of each challenger; what is the same for all is said once."""
        if self._step is None or len(self._step.challengers) < 2:
            said = self._own.verdicts(approved=approved)
            return (*self._raced(said, alone=True), *said)
        found: dict[Verdict, None] = {}
        for name in self._step.challengers:
            for verdict in self._panels[name].verdicts(approved=approved):
                shared = verdict.gate in self._manual
                found[verdict if shared else replace(verdict, challenger=name)] = None
        said = tuple(found)
        return (*self._raced(said, alone=False), *said)

    def _raced(self, said: tuple[Verdict, ...], *, alone: bool) -> Iterator[Verdict]:
        """What the race says of each rival that nothing else has failed."""
        race = self._races.get(self._step.race) if self._step else None
        if race is None or self._step is None:
            return
        dead = set(self._step.challengers) if alone and any(map(_fails, said)) else _dead(self._step, said)
        for verdict in race.verdicts(dead).values():
            yield replace(verdict, challenger="") if alone else verdict

    def best(self, through: tuple[str, ...]) -> tuple[str, str]:
        """Of the challengers that passed, the one that goes on, and why."""
        verdicts = {name: self._about(name) for name in through}
        return strongest(verdicts, gates=self._gates, required=self._step.gates if self._step else ())

    def _about(self, name: str) -> tuple[Verdict, ...]:
        race = self._races.get(self._step.race) if self._step else None
        raced = race.verdicts(()).get(name) if race else None
        return (*self._panels[name].verdicts(approved=True), *([raced] if raced else ()))

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


def _rivals(compiled: CompiledPlan, race: str) -> tuple[str, ...]:
    return next((step.challengers for step in compiled.steps if step.race == race), ())


def _fails(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.FAIL


def _dead(step: Step, verdicts: tuple[Verdict, ...]) -> frozenset[str]:
    """The challengers that some gate has failed, now or before."""
    failed = {verdict.challenger for verdict in verdicts if _fails(verdict) and verdict.challenger}
    return frozenset(failed | {name for name in step.challengers if step.has_lost(name)})
