"""Conversions of two arms, judged at every look: exact, whatever the rates do meanwhile."""

from __future__ import annotations

import math

from mlship.gates.account import e_value
from mlship.gates.judge import Budget
from mlship.gates.wording import grouped, percent, points, signed
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Better, Goal, Method
from mlship.plan.verdict import Evidence, Outcome
from mlship.stats.interval import OddsRatio
from mlship.stats.margin import MarginTest
from mlship.stats.ratio import RatioTest

Counts = tuple[int, int]
"""(good, all) units."""


def good(reward: Reward, better: Better) -> Counts:
    """Units that had the outcome, or, where lower is better, that had not."""
    had = round(reward.sum)
    return (had if better is Better.HIGHER else reward.units - had), reward.units


def levels(gate: Goal, budget: Budget) -> tuple[float, float]:
    """The error probabilities for the candidate and against it; in an A/A test both are against the set-up."""
    if gate.method is Method.AA:
        return budget.alone / 2, budget.alone / 2
    return min(gate.alpha, budget.promote), budget.alone


class RateTrial:
    """Three e-processes over the same cohorts: better, worse, and (with a margin) not worse by the margin.

    Better and worse are the stratified conditional `RatioTest`, with the arms exchanged; the last is `MarginTest` on
    units without the outcome. With a margin only that one lets a candidate pass: one chance to err.
    """

    def __init__(self, gate: Goal, *, budget: Budget, names: tuple[str, str]) -> None:
        self._gate = gate
        self._budget = budget
        self._names = names
        alpha, against = levels(gate, budget)
        self._limit = 1 / alpha
        self._better = RatioTest(alpha=alpha)
        self._worse = RatioTest(alpha=against)
        self._kept = MarginTest(margin=gate.margin, alpha=alpha) if gate.margin else None
        self._odds = OddsRatio()
        self._candidate: Counts = (0, 0)
        self._live: Counts = (0, 0)

    def absorb(self, candidate: Reward, live: Reward) -> None:
        """The units of one cohort."""
        mine, others = good(candidate, self._gate.metric.better), good(live, self._gate.metric.better)
        self._better.absorb(candidate=mine, live=others)
        self._worse.absorb(candidate=others, live=mine)
        self._odds.absorb(candidate=mine, live=others)
        if self._kept:
            self._kept.absorb(candidate=_bad(mine), live=_bad(others))
        self._candidate = _sum(self._candidate, mine)
        self._live = _sum(self._live, others)

    @property
    def units(self) -> Counts:
        """Of the candidate and of live."""
        return self._candidate[1], self._live[1]

    @property
    def e_value(self) -> float:
        """That the candidate is worse; in an A/A test, that the arms differ."""
        worse = e_value(self._worse.log_e)
        return (worse + e_value(self._better.log_e)) / 2 if self._gate.method is Method.AA else worse

    @property
    def evidence(self) -> Evidence:
        """The gain is in points of the rate."""
        return Evidence(
            measure=f"gain in {self._gate.metric.name}",
            estimate=self._gain,
            interval=self._interval,
            e_value=self.e_value,
            limit=1 / self._budget.alone,
            proof=e_value(self._proof),
            proof_limit=self._limit,
            candidate=self._candidate,
            live=self._live,
        )

    def found(self) -> tuple[Outcome, str]:
        """Pass once a claim is proven; an A/A test passes while nothing speaks against it."""
        if self._gate.method is Method.AA:
            return Outcome.PASS, f"no difference between two of the same: {self.told()}"
        better = f"proven better (p = {self._better.p_value:.2g})" if self._better.fired else ""
        if self._kept is None:
            return (
                (Outcome.PASS, f"{better}: {self.told()}") if better else (Outcome.WAIT, f"not decided: {self.told()}")
            )
        if self._kept.proven:
            kept = f"proven not worse by {percent(self._gate.margin or 0)}"
            return Outcome.PASS, f"{better or kept}: {self.told()}"
        return Outcome.WAIT, f"not decided: {self.told()}"

    def told(self) -> str:
        """As in "v2 5.9 % of 4 210, v1 5.1 % of 4 187: +0.8 points [+0.1, +1.6]"."""
        better = self._gate.metric.better
        arms = zip((self._candidate, self._live), self._names, strict=True)
        rates = (_rate(counts, name, better) for counts, name in arms)
        gain = f"{points(self._gain)}{_bounds(self._interval)}" if self._gain is not None else "nothing to compare"
        return f"{', '.join(rates)}: {gain}"

    @property
    def _proof(self) -> float:
        """Logarithm of the evidence that lets the candidate pass."""
        return self._kept.log_e if self._kept else self._better.log_e

    @property
    def _gain(self) -> float | None:
        (mine, units), (others, live_units) = self._candidate, self._live
        return mine / units - others / live_units if units and live_units else None

    @property
    def _interval(self) -> tuple[float, float] | None:
        """That of the odds ratio, which holds at every look, told at the live model's rate.

        It ends at 0 where a side of 0 is proven, which the sharper one-sided tests do sooner.
        """
        bounds = self._odds.interval(self._budget.rollback)
        others, units = self._live
        if bounds is None or not units:
            return None
        rate = others / units
        low, high = (_at(ratio, rate) - rate for ratio in bounds)
        return max(low, 0.0) if self._better.fired else low, min(high, 0.0) if self._worse.fired else high


def _at(ratio: float, rate: float) -> float:
    """The rate whose odds are `ratio` times those of `rate`."""
    if math.isinf(ratio):
        return 1.0
    return ratio * rate / (1 - rate + ratio * rate) if rate < 1 or ratio else 0.0


def _rate(counts: Counts, name: str, better: Better) -> str:
    had, units = counts if better is Better.HIGHER else (counts[1] - counts[0], counts[1])
    return f"{name} {percent(had / units)} of {grouped(units)}" if units else f"{name} none"


def _bounds(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{signed(interval[0])}, {signed(interval[1])}]"


def _bad(counts: Counts) -> Counts:
    return counts[1] - counts[0], counts[1]


def _sum(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1]
