"""All gates of a rollout, under one error budget: looks in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlship.gates.answers import AnswersJudge
from mlship.gates.comparison import ComparisonJudge
from mlship.gates.drift import judge_drift
from mlship.gates.floor import judge_floor
from mlship.gates.goal import GoalJudge
from mlship.gates.judge import Budget, Judge, budget_of
from mlship.gates.manual import judge_manual
from mlship.gates.outside import OutsideJudge
from mlship.gates.quality import judge_quality
from mlship.gates.sample_ratio import SampleRatioJudge
from mlship.gates.strata import PATIENCE, Strata, copied
from mlship.gates.threshold import ThresholdJudge
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.plan.answergates import Drift, Floor, Quality
from mlship.plan.model import Alpha, Comparison, Gate, Manual, Outside, Threshold
from mlship.plan.outcome import Goal
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests answered in the step at work, and looks of the whole rollout without numbers."""

    candidate: int = 0
    live: int = 0
    skipped: int = 0


Teller = GoalJudge | OutsideJudge
"""Judges that read whole looks by themselves."""


class Panel:
    """Judges one rollout. The same steps and looks in the same order make the same verdicts, in whatever process.

    The budget for rollbacks is one: the panel fails a gate when the mean evidence of all gates that keep any reaches
    1/alpha, which one gate reaches alone at their number / alpha. Gates that the step does not name count as 0. A proof
    needs no share of a budget, because a step passes only when every gate does.
    """

    def __init__(
        self,
        *,
        gates: Mapping[str, Gate],
        alpha: Alpha,
        live: str,
        candidate: str,
        sticky: bool,
        challengers: int = 1,
    ) -> None:
        budget = budget_of(gates.values(), alpha, challengers=challengers)
        judges = {name: _judge(gate, budget, sticky=sticky) for name, gate in gates.items()}
        readers = {name: _reader(gate, budget, candidate) for name, gate in gates.items()}
        tellers = {name: _teller(gate, budget, (live, candidate)) for name, gate in gates.items()}
        self._judges: Mapping[str, Judge] = {name: judge for name, judge in judges.items() if judge}
        self._readers: Mapping[str, AnswersJudge] = {name: judge for name, judge in readers.items() if judge}
        self._tellers: Mapping[str, GoalJudge | OutsideJudge] = {
            name: judge for name, judge in tellers.items() if judge
        }
        self._manual = {name: gate for name, gate in gates.items() if isinstance(gate, Manual)}
        self._budget = budget
        self._live, self._candidate = live, candidate
        self._split = SampleRatioJudge(live=live, candidate=candidate, sticky=sticky)
        self._strata = Strata(live=live, candidate=candidate)
        self._absorbed: set[int] = set()
        self._step: Step | None = None
        self._counts = Counts()
        self._failed: str | None = None

    def begin(self, step: Step, at: float) -> None:  # noqa: ARG002 - the time is what the journal knows of a step
        """A step starts: its requests are counted from 0, the evidence goes on."""
        self._step = step
        self._counts = Counts(skipped=self._counts.skipped)
        self._strata.begin(step, judged=any(name in self._judges for name in self._named))
        self._split.begin(step)
        for judge in self._judges.values():
            judge.begin()
        for reader in self._readers.values():
            reader.begin(step)
        for teller in self._tellers.values():
            teller.begin(step)

    def reroute(self, step: Step) -> None:
        """The step at work goes on with other weights."""
        self._step = step
        self._split.begin(step)

    def absorb(self, look: Look) -> None:
        """Take one look; a number that has been taken is not taken again. Number 0 is history."""
        if look.number in self._absorbed:
            return
        self._absorbed.add(look.number)
        if look.number == 0:
            self._remember(look)
            return
        self._count(look)
        self._split.absorb(look)
        stratum = self._strata.absorb(look)
        if stratum:
            for judge in self._judges.values():
                judge.absorb(stratum)
        for reader in self._readers.values():
            reader.absorb(look.answers.get(self._candidate))
        for teller in self._tellers.values():
            teller.absorb(look)
        self._failed = self._failed or self._accused()

    def verdicts(self, *, approved: bool) -> tuple[Verdict, ...]:
        """Of the gates and guards of the step begun last that have something to judge, and of the split."""
        if self._step is None:
            return ()
        manual = (self._manual[name] for name in self._named if name in self._manual)
        signatures = tuple(judge_manual(gate, approved=approved) for gate in manual)
        return (*(self._verdict(name) for name in self._speaking), *signatures, *self._split.verdicts())

    @property
    def requests(self) -> int:
        """Requests that the candidate has answered in this step."""
        return self._counts.candidate

    def counts(self) -> Counts:
        """What has been counted."""
        return self._counts

    @property
    def _named(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._step.gates, *self._step.guards))) if self._step else ()

    @property
    def _speaking(self) -> tuple[str, ...]:
        routing = self._step.routing if self._step else None
        mine = (routing.asked.get(self._candidate, 0) or copied(routing, self._candidate)) if routing else 0
        others = routing.asked.get(self._live, 0) if routing else 0
        share = mine / (mine + others) if mine else float(routing is not None and self._candidate in routing.picked)
        return tuple(name for name in self._named if self._speaks(name, share))

    def _speaks(self, name: str, share: float) -> bool:
        if name in self._readers or name in self._tellers:
            return self._own(name).speaks
        return name in self._judges and self._judges[name].speaks(share)

    def _verdict(self, name: str) -> Verdict:
        missed, judge = self._strata.missed, self._judges.get(name)
        assert self._step
        if name == self._failed:
            return self._judging(name).accusation()
        if judge is None:
            return self._own(name).verdict()
        if missed >= PATIENCE:
            reason = f"{self._strata.trouble}, for {missed} looks"
            return Verdict(gate=name, outcome=Outcome.BLIND, reason=reason, evidence=judge.evidence)
        return judge.verdict(self._step)

    def _judging(self, name: str) -> Judge | AnswersJudge | Teller:
        return self._judges[name] if name in self._judges else self._own(name)

    def _own(self, name: str) -> AnswersJudge | Teller:
        """A judge that reads looks by itself."""
        return self._readers[name] if name in self._readers else self._tellers[name]

    def _accused(self) -> str | None:
        """The gate with most evidence, once the mean of all makes the case."""
        speaking = {name: self._judging(name).e_value for name in self._speaking}
        mean = sum(speaking.values()) / self._budget.judges
        if mean < (1 - 1e-9) / self._budget.rollback:
            return None
        return max(speaking, key=speaking.__getitem__)

    def _remember(self, look: Look) -> None:
        live = (look.tallies or {}).get(self._live)
        if live and self._absorbed == {look.number}:
            for judge in self._judges.values():
                judge.remember(live)

    def _count(self, look: Look) -> None:
        tallies = look.tallies or {}
        self._counts = Counts(
            candidate=self._counts.candidate + tallies.get(self._candidate, Tally()).requests,
            live=self._counts.live + tallies.get(self._live, Tally()).requests,
            skipped=self._counts.skipped + (look.tallies is None),
        )


def _judge(gate: Gate, budget: Budget, *, sticky: bool) -> Judge | None:
    match gate:
        case Comparison():
            return ComparisonJudge(gate, budget=budget, sticky=sticky)
        case Threshold():
            return ThresholdJudge(gate, budget=budget)
        case _:
            return None


def _teller(gate: Gate, budget: Budget, models: tuple[str, str]) -> Teller | None:
    live, candidate = models
    match gate:
        case Goal():
            return GoalJudge(gate, budget=budget, live=live, candidate=candidate)
        case Outside():
            return OutsideJudge(gate, candidate=candidate)
        case _:
            return None


def _reader(gate: Gate, budget: Budget, candidate: str) -> AnswersJudge | None:
    match gate:
        case Quality():
            return judge_quality(gate, budget=budget, candidate=candidate)
        case Floor():
            return judge_floor(gate, budget=budget, candidate=candidate)
        case Drift():
            return judge_drift(gate, candidate=candidate)
        case _:
            return None
