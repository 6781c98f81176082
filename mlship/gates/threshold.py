"""Gates that hold the candidate to a number: error rate or latency at most `maximum`."""

from __future__ import annotations

from mlship.gates.account import e_value
from mlship.gates.cut import Cut, edge_at, percentile_of
from mlship.gates.judge import Budget
from mlship.gates.strata import Stratum, together
from mlship.gates.wording import grouped, percent, seconds
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.plan.model import Threshold
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.stats.ceiling import CeilingTest
from mlship.stats.interval import rate_interval
from mlship.stats.quantile import quantile


class ThresholdJudge:
    """Evidence that the candidate's rate of bad answers is above what the maximum allows.

    For `latency_pNN` bad is an answer beyond the first bucket edge at or above the maximum; 1 - NN/100 of them may be
    bad. With `sustained`, the evidence counts only while the rate of each look has been above for so many seconds.
    """

    def __init__(self, gate: Threshold, *, budget: Budget) -> None:
        self._gate = gate
        self._budget = budget
        self._percentile = percentile_of(gate.metric)
        edge = edge_at(gate.maximum) if self._percentile is not None else None
        self._measurable = self._percentile is None or edge is not None
        self._cut = Cut(edge=edge)
        self._allowed = gate.maximum if self._percentile is None else 1 - self._percentile
        self._test = CeilingTest(ceiling=self._allowed, alpha=budget.alone)
        self._counted = (0, 0)
        self._step = Tally()
        self._above = 0.0

    def remember(self, live: Tally) -> None:
        """A ceiling expects nothing of the live model."""

    def begin(self) -> None:
        """The estimate is of the step at work: late damage is not averaged away."""
        self._step = Tally()

    def absorb(self, stratum: Stratum) -> None:
        """The candidate's answers of one stratum."""
        if not self._measurable:
            return
        bad, every = self._cut.count(stratum.candidate)
        self._step = together(self._step, stratum.candidate)
        if not every:
            return
        self._test.absorb(bad, every)
        self._counted = (self._counted[0] + bad, self._counted[1] + every)
        self._above = self._above + stratum.seconds if bad > self._allowed * every else 0.0

    def speaks(self, share: float) -> bool:
        """The candidate must have traffic."""
        return share > 0

    @property
    def e_value(self) -> float:
        """None of it counts before it has lasted."""
        lasted = self._above >= self._gate.sustained
        return e_value(self._test.log_e) if lasted or not self._gate.sustained else 0.0

    @property
    def evidence(self) -> Evidence | None:
        """Over the whole rollout."""
        bad, every = self._counted
        return Evidence(
            measure=self._cut.rate,
            estimate=bad / every if every else None,
            interval=rate_interval(bad, every, self._budget.rollback),
            e_value=e_value(self._test.log_e),
            limit=1 / self._budget.alone,
            candidate=self._counted,
        )

    def verdict(self, step: Step) -> Verdict:
        """Pass: enough requests in this step, and the estimate at or under the maximum."""
        outcome, reason = self._answer(max(step.requests, 1))
        return Verdict(gate=self._gate.name, outcome=outcome, reason=reason, evidence=self.evidence)

    def accusation(self) -> Verdict:
        """The counts over the rollout that make the case."""
        bad, every = self._counted
        allowed = f"at most {percent(self._allowed)} may"
        lasted = f", for {seconds(self._above)}" if self._gate.sustained else ""
        reason = f"{grouped(bad)} of {grouped(every)} {self._cut.verb}, {allowed}{lasted}"
        return Verdict(gate=self._gate.name, outcome=Outcome.FAIL, reason=reason, evidence=self.evidence)

    def _answer(self, needed: int) -> tuple[Outcome, str]:
        if not self._measurable:
            return Outcome.BLIND, f"latency is counted up to {seconds(LATENCY_EDGES[-1])} only"
        seen = self._cut.count(self._step)[1]
        if seen < needed:
            kind = "" if self._percentile is None else " timed"
            return Outcome.WAIT, f"{grouped(seen)} of {grouped(needed)} requests{kind}"
        estimate, told = self._estimate()
        return (Outcome.PASS if estimate <= self._gate.maximum else Outcome.WAIT), told

    def _estimate(self) -> tuple[float, str]:
        if self._percentile is None:
            bad, every = self._cut.count(self._step)
            return bad / every, f"{grouped(bad)} of {grouped(every)} failed, at most {percent(self._allowed)} may"
        value = quantile(self._step.latency, LATENCY_EDGES, self._percentile) or 0.0
        name = self._gate.metric.removeprefix("latency_")
        return value, f"{name} is {seconds(value)}, at most {seconds(self._gate.maximum)}"
