"""Gates over the distance of the candidate's values from the live model's."""

from __future__ import annotations

from mlship.gates.answers import AnswersJudge
from mlship.gates.limit import LimitAccount
from mlship.gates.segments import Account
from mlship.gates.wording import grouped
from mlship.metrics.answers import Histogram, Pairs
from mlship.plan.answergates import Drift
from mlship.stats.drift import kolmogorov_smirnov, population_stability

_DISTANCES = {"psi": population_stability, "ks": kolmogorov_smirnov}


def judge_drift(gate: Drift, *, candidate: str) -> AnswersJudge:
    """By an estimate over the stage."""

    def make(weight: float) -> Account:  # noqa: ARG001 - no evidence, no weight
        return DriftAccount(gate)

    return AnswersJudge(name=gate.name, segment=gate.segment, make=make, lasting=False, candidate=candidate)


class DriftAccount(LimitAccount):
    """Counts in bins; other bins start it anew."""

    def __init__(self, gate: Drift) -> None:
        super().__init__()
        self._gate = gate
        self._counted: Histogram | None = None

    @property
    def missing(self) -> str:
        """Values on either side."""
        values = min(sum(self._counted.live), sum(self._counted.challenger)) if self._counted else 0
        short = values < self._gate.least
        return f"{grouped(values)} of {grouped(self._gate.least)} values of {self._gate.of}" if short else ""

    def told(self) -> str:
        """As in "psi of score 0.31, at most 0.2"."""
        return f"{self._measure} {self._estimate() or 0.0:.2g}, at most {self._gate.maximum:.2g}"

    @property
    def _measure(self) -> str:
        return f"{self._gate.metric} of {self._gate.of}"

    def _take(self, pairs: Pairs) -> bool:
        fresh = pairs.histograms.get(self._gate.of)
        if fresh is None or not (sum(fresh.live) or sum(fresh.challenger)):
            return False
        counted = self._counted
        self._counted = fresh if counted is None or counted.edges != fresh.edges else _sum(counted, fresh)
        return True

    def _estimate(self) -> float | None:
        counted = self._counted
        return _DISTANCES[self._gate.metric](counted.live, counted.challenger) if counted else None

    def _holds(self) -> bool:
        return (self._estimate() or 0.0) <= self._gate.maximum


def _sum(one: Histogram, other: Histogram) -> Histogram:
    live, challenger = (
        tuple(a + b for a, b in zip(mine, more, strict=True))
        for mine, more in ((one.live, other.live), (one.challenger, other.challenger))
    )
    return Histogram(edges=one.edges, live=live, challenger=challenger)
