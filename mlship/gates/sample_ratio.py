"""Is the traffic split as asked? Looked at in every step that splits it; a skew is blind, never a fail or a pass."""

from __future__ import annotations

from mlship.gates.account import e_value
from mlship.gates.wording import grouped, percent
from mlship.metrics.look import Look
from mlship.metrics.rewards import Reward
from mlship.plan.rule import drawn_alone
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.stats.sample_ratio import SampleRatioTest

GATE = "sample-ratio"
ALPHA = 0.001
STICKY_TOLERANCE = 2.0
"""Odds by which the share of the requests may miss the asked one, where users are what is split."""


class SampleRatioJudge:
    """Real counts against asked weights, over the whole rollout."""

    def __init__(self, *, live: str, candidate: str, sticky: bool) -> None:
        self._live = live
        self._candidate = candidate
        self._test = SampleRatioTest(alpha=ALPHA, tolerance=STICKY_TOLERANCE if sticky else 1.0)
        self._units = SampleRatioTest(alpha=ALPHA)
        self._split: Step | None = None
        self._counted = (0, 0)
        self._asked = 0.0
        self._older = False
        """The last look may hold requests that were drawn under an older routing."""

    def begin(self, step: Step) -> None:
        """Routings whose rules ask for more than a share are not judged: nobody knows how many requests match."""
        both = {self._live, self._candidate} <= step.routing.asked.keys()
        self._split = step if both and (not step.routing.rules or drawn_alone(step.routing.rules)) else None
        self._counted, self._asked, self._older = (0, 0), 0.0, False

    def absorb(self, look: Look) -> None:
        """Requests that were drawn under an older routing are left out."""
        if self._split is not None and self._split.metric is not None:
            self._absorb_units(look)
            return
        self._older = look.settling and bool(look.tallies)
        weight, live_weight = look.weights.get(self._candidate, 0), look.weights.get(self._live, 0)
        if self._split is None or look.tallies is None or look.settling or not weight or not live_weight:
            return
        tallies, share = look.tallies, weight / (weight + live_weight)
        mine, others = (tallies[model].requests if model in tallies else 0 for model in (self._candidate, self._live))
        self._test.absorb(candidate=mine, live=others, share=share)
        self._counted = (self._counted[0] + mine, self._counted[1] + mine + others)
        self._asked = share

    def _absorb_units(self, look: Look) -> None:
        """Where outcomes are counted, the units themselves are known: users, where users are what is split."""
        cohort = look.rewards
        weights = cohort.weights if cohort else {}
        if cohort is None or not {self._candidate, self._live} <= weights.keys():
            return
        mine, others = (cohort.arms.get(model, Reward()).units for model in (self._candidate, self._live))
        share = weights[self._candidate] / (weights[self._candidate] + weights[self._live])
        self._units.absorb(candidate=mine, live=others, share=share)
        self._counted = (self._counted[0] + mine, self._counted[1] + mine + others)
        self._asked = share

    def verdicts(self) -> tuple[Verdict, ...]:
        """One where the step splits traffic, else none."""
        if self._split is None:
            return ()
        outcome, reason = self._answer()
        return (Verdict(gate=GATE, outcome=outcome, reason=reason, evidence=self._evidence()),)

    def _answer(self) -> tuple[Outcome, str]:
        if self._fired:
            return Outcome.BLIND, f"the split is not as asked: {self._told()}"
        return (Outcome.PASS if self._counted[1] else Outcome.WAIT), self._told()

    @property
    def _fired(self) -> bool:
        return self._test.fired or self._units.fired

    def _told(self) -> str:
        mine, every = self._counted
        if not every and self._older:
            return "counted from the next look on: requests of this one may be older than the split"
        if not every:
            return "no requests counted in this step yet"
        what = "units" if self._split is not None and self._split.metric is not None else "requests"
        return f"{percent(mine / every)} of {grouped(every)} {what}, {percent(self._asked)} asked"

    def _evidence(self) -> Evidence:
        mine, every = self._counted
        return Evidence(
            measure=f"requests to {self._candidate}",
            estimate=mine / every if every else None,
            e_value=e_value(max(self._test.log_e, self._units.log_e)),
            limit=1 / ALPHA,
        )
