"""An A/B test of a sample that was computed beforehand: read once, when it is complete."""

from __future__ import annotations

import math

from mlship.gates.means import as_counted, sums
from mlship.gates.rates import good
from mlship.gates.wording import grouped, percent
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Better, Goal, Kind
from mlship.plan.verdict import Evidence, Outcome
from mlship.stats.horizon import (
    Design,
    means_p_value,
    means_size,
    proportions_p_value,
    proportions_size,
)
from mlship.stats.means import Sums


def sample(gate: Goal) -> int:
    """Units that each arm needs to find the smallest difference that matters, with the plan's power."""
    design = Design(alpha=gate.alpha, power=gate.power, two_sided=True)
    effect = gate.minimal_effect or 0.0
    if gate.metric.kind is Kind.MEAN:
        return math.ceil(means_size(effect, gate.spread or 0.0, design))
    live = gate.baseline or 0.0
    better = live + effect if gate.metric.better is Better.HIGHER else live - effect
    return math.ceil(proportions_size(live, min(max(better, 1e-9), 1 - 1e-9), design))


class FixedTrial:
    """Sums that nobody is told of before the sample is complete, and one verdict on exactly these."""

    def __init__(self, gate: Goal, *, names: tuple[str, str]) -> None:
        self._gate = gate
        self._names = names
        self._sample = sample(gate)
        self._candidate, self._live = Sums(), Sums()
        self._read: tuple[Outcome, str] | None = None

    def absorb(self, candidate: Reward, live: Reward) -> None:
        """The units of one cohort; what comes after the reading changes nothing."""
        if self._read:
            return
        self._candidate += self._turned(candidate)
        self._live += self._turned(live)
        if min(self.units) >= self._sample:
            self._read = self._reading()

    @property
    def units(self) -> tuple[int, int]:
        """Of the candidate and of live."""
        return self._candidate.count, self._live.count

    @property
    def e_value(self) -> float:
        """None is kept: a p-value is no evidence that may be looked at again."""
        return 0.0

    @property
    def evidence(self) -> Evidence:
        """How far the sample is, and nothing of what it says before it is complete."""
        measure = f"units of {grouped(self._sample)} in the smaller arm"
        if self._read is None:
            return Evidence(measure=measure, estimate=float(min(self.units)))
        gain = (self._candidate.mean or 0.0) - (self._live.mean or 0.0)
        return Evidence(measure=f"gain in {self._gate.metric.name}, read once", estimate=gain)

    def found(self) -> tuple[Outcome, str]:
        """Wait until the sample is complete; then pass or fail."""
        if self._read:
            return self._read
        counted = f"{grouped(min(self.units))} of {grouped(self._sample)} units of each arm"
        return Outcome.WAIT, f"{counted}; it is read once, when they are complete"

    def told(self) -> str:
        """Both arms, in words."""
        arms = zip((self._candidate, self._live), self._names, strict=True)
        return ", ".join(f"{name} {self._value(found)} of {grouped(found.count)}" for found, name in arms)

    def _reading(self) -> tuple[Outcome, str]:
        p, gain = self._p_value(), (self._candidate.mean or 0.0) - (self._live.mean or 0.0)
        if p > self._gate.alpha:
            return Outcome.FAIL, f"no difference found (p = {p:.2g}): {self.told()}"
        outcome, which = (Outcome.PASS, "better") if gain > 0 else (Outcome.FAIL, "worse")
        return outcome, f"found {which} (p = {p:.2g}): {self.told()}"

    def _p_value(self) -> float:
        if self._gate.metric.kind is Kind.MEAN:
            return means_p_value(self._candidate, self._live)
        mine, others = ((round(found.sum), found.count) for found in (self._candidate, self._live))
        return proportions_p_value(mine, others)

    def _turned(self, reward: Reward) -> Sums:
        if self._gate.metric.kind is Kind.MEAN:
            return sums(reward, self._gate.metric.better)
        had, units = good(reward, self._gate.metric.better)
        return Sums(count=units, sum=had, square=had)

    def _value(self, found: Sums) -> str:
        mean, better = found.mean or 0.0, self._gate.metric.better
        if self._gate.metric.kind is Kind.MEAN:
            return f"{as_counted(mean, better):.3g}"
        return percent(1 - mean if better is Better.LOWER else mean)
