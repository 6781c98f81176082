"""Numeric outcomes of two arms, judged at every look: in the normal limit, where two tests agree."""

from __future__ import annotations

from mlship.gates.account import e_value
from mlship.gates.judge import Budget
from mlship.gates.rates import levels
from mlship.gates.wording import grouped
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Better, Goal, Method
from mlship.plan.verdict import Evidence, Outcome
from mlship.stats.means import MeansTest, Sums

ASYMPTOTIC = "asymptotic"
"""What every figure of this kind is told to be."""


def sums(reward: Reward, better: Better) -> Sums:
    """The outcomes of a cohort, turned so that higher is better."""
    found = Sums(
        count=reward.units,
        sum=reward.sum,
        square=reward.square,
        sum_x=reward.before,
        square_x=reward.before_square,
        product=reward.product,
    )
    return found if better is Better.HIGHER else found.negated


def as_counted(mean: float, better: Better) -> float:
    """A mean of turned outcomes, turned back; never -0, which nobody has counted."""
    return (mean if better is Better.HIGHER else -mean) or 0.0


class MeanTrial:
    """Two tests: that the candidate's mean is higher (with a margin, not lower by it), and that live's is.

    A covariate makes the same test of what it leaves unexplained: a unit that has none counts as one of 0, which costs
    nothing but sharpness.
    """

    def __init__(self, gate: Goal, *, budget: Budget, names: tuple[str, str]) -> None:
        self._gate = gate
        self._budget = budget
        self._names = names
        alpha, against = levels(gate, budget)
        self._limit = 1 / alpha
        self._better = MeansTest(alpha=alpha, margin=-(gate.margin or 0.0))
        self._worse = MeansTest(alpha=against)
        self._candidate, self._live = Sums(), Sums()

    def absorb(self, candidate: Reward, live: Reward) -> None:
        """The units of one cohort."""
        mine, others = sums(candidate, self._gate.metric.better), sums(live, self._gate.metric.better)
        self._better.absorb(candidate=mine, live=others)
        self._worse.absorb(candidate=others, live=mine)
        self._candidate += mine
        self._live += others

    @property
    def units(self) -> tuple[int, int]:
        """Of the candidate and of live."""
        return self._candidate.count, self._live.count

    @property
    def e_value(self) -> float:
        """That the candidate is worse; in an A/A test, that the arms differ."""
        worse = e_value(self._worse.log_e)
        return (worse + e_value(self._better.log_e)) / 2 if self._gate.method is Method.AA else worse

    @property
    def evidence(self) -> Evidence:
        """The gain is in units of the metric."""
        return Evidence(
            measure=f"gain in {self._gate.metric.name} ({ASYMPTOTIC})",
            estimate=self._better.difference.estimate,
            interval=self._better.difference.interval(self._budget.rollback),
            e_value=self.e_value,
            limit=1 / self._budget.alone,
            proof=e_value(self._better.log_e),
            proof_limit=self._limit,
        )

    def found(self) -> tuple[Outcome, str]:
        """Pass once it is proven; an A/A test passes while nothing speaks against it."""
        if self._gate.method is Method.AA:
            return Outcome.PASS, f"no difference between two of the same: {self.told()}"
        if self._better.fired:
            by = "better" if self._gate.margin is None else f"not worse by {self._gate.margin:g}"
            return Outcome.PASS, f"proven {by} (p = {self._better.p_value:.2g}): {self.told()}"
        return Outcome.WAIT, f"not decided: {self.told()}"

    def told(self) -> str:
        """As in "v2 12.3 over 4 210, v1 11.8 over 4 187: +0.5 [+0.1, +0.9], asymptotic"."""
        arms = zip((self._candidate, self._live), self._names, strict=True)
        means = ", ".join(_mean(each, name, self._gate.metric.better) for each, name in arms)
        estimate, interval = self._better.difference.estimate, self._better.difference.interval(self._budget.rollback)
        if estimate is None:
            return f"{means}: nothing to compare"
        bounds = f" [{interval[0]:+.2g}, {interval[1]:+.2g}]" if interval else ""
        adjusted = ", adjusted by the covariate" if self._gate.covariate else ""
        return f"{means}: {estimate:+.3g}{bounds}, {ASYMPTOTIC}{adjusted}"


def _mean(found: Sums, name: str, better: Better) -> str:
    if found.mean is None:
        return f"{name} none"
    return f"{name} {as_counted(found.mean, better):.3g} over {grouped(found.count)}"
