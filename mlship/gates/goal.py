"""The gate of an A/B test: users' outcomes, the candidate's beside the live model's, each user counted once."""

from __future__ import annotations

from typing import Protocol

from mlship.gates.judge import Budget
from mlship.gates.strata import PATIENCE
from mlship.gates.wording import grouped
from mlship.metrics.look import Look
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Goal, Kind, Method
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict


class Trial(Protocol):
    """What is kept of one candidate beside live."""

    def absorb(self, candidate: Reward, live: Reward) -> None:
        """The units of one cohort."""
        ...

    @property
    def units(self) -> tuple[int, int]:
        """Of the candidate and of live, so far."""
        ...

    @property
    def e_value(self) -> float:
        """Evidence against the candidate; 0 where none is kept."""
        ...

    @property
    def evidence(self) -> Evidence:
        """The numbers behind the verdict."""
        ...

    def found(self) -> tuple[Outcome, str]:
        """What the outcomes say, while the panel has made no case of them."""
        ...

    def told(self) -> str:
        """The numbers, in words."""
        ...


class GoalJudge:
    """One goal's evidence about one candidate. Cohorts come late: they count in whatever step they arrive."""

    def __init__(self, gate: Goal, *, budget: Budget, live: str, candidate: str) -> None:
        self._gate = gate
        self._live = live
        self._candidate = candidate
        self._trial = trial_of(gate, budget=budget, names=(candidate, live))
        self._active = False
        self._silent = 0
        self._trouble = ""
        self._pending = (0, 0)

    def begin(self, step: Step) -> None:
        """The evidence goes on from step to step."""
        self._active = self._gate.name in step.gates
        self._silent = 0

    def absorb(self, look: Look) -> None:
        """The cohort that the look has counted, if any."""
        if not self._active:
            return
        if look.rewards is None:
            self._silent += 1
            self._trouble = look.trouble or "no outcomes"
            return
        self._silent = 0
        arms, pending = look.rewards.arms, look.rewards.pending
        self._pending = (pending.get(self._candidate, 0), pending.get(self._live, 0))
        self._trial.absorb(arms.get(self._candidate, Reward()), arms.get(self._live, Reward()))

    @property
    def speaks(self) -> bool:
        """Outcomes are counted in the step at work."""
        return self._active

    @property
    def e_value(self) -> float:
        """Evidence against the candidate."""
        return self._trial.e_value

    def verdict(self) -> Verdict:
        """Pass once it is proven, else wait; blind where outcomes cannot be read."""
        outcome, reason = self._answer()
        return Verdict(gate=self._gate.name, outcome=outcome, reason=reason, evidence=self._trial.evidence)

    def accusation(self) -> Verdict:
        """The numbers that make the case against the candidate; in an A/A test, whichever arm looks better."""
        case = "different" if self._gate.method is Method.AA else "worse"
        reason = f"proven {case}: {self._trial.told()}"
        return Verdict(gate=self._gate.name, outcome=Outcome.FAIL, reason=reason, evidence=self._trial.evidence)

    def _answer(self) -> tuple[Outcome, str]:
        if self._silent >= PATIENCE:
            return Outcome.BLIND, f"{self._trouble}, for {self._silent} looks"
        units = self._trial.units
        if min(units) < self._gate.least:
            return Outcome.WAIT, self._awaited(units)
        return self._trial.found()

    def _awaited(self, units: tuple[int, int]) -> str:
        counted = f"{grouped(min(units))} of {grouped(self._gate.least)} units of each arm counted"
        pending = sum(self._pending)
        return f"{counted}, {grouped(pending)} too young" if pending else counted


def trial_of(gate: Goal, *, budget: Budget, names: tuple[str, str]) -> Trial:
    """The way in which the plan wants the goal to be judged; `names` of the candidate and of live."""
    from mlship.gates.fixed import FixedTrial
    from mlship.gates.means import MeanTrial
    from mlship.gates.rates import RateTrial

    if gate.method is Method.FIXED:
        return FixedTrial(gate, names=names)
    if gate.metric.kind is Kind.MEAN or gate.covariate:
        return MeanTrial(gate, budget=budget, names=names)
    return RateTrial(gate, budget=budget, names=names)
