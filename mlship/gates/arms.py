"""The arms of a bandit: what has been counted of each, and what is believed of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlship.gates.means import as_counted, sums
from mlship.gates.rates import good
from mlship.gates.wording import grouped, percent
from mlship.metrics.rewards import Allocation, Belief, Reward, Rewards
from mlship.plan.outcome import Better, Kind, Metric
from mlship.stats.means import Sums
from mlship.stats.posterior import BetaPosterior, Posterior, best_probabilities, normal_posteriors


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Outcomes of one arm, older ones discounted."""

    units: float = 0.0
    sum: float = 0.0
    square: float = 0.0

    def and_then(self, more: Sums) -> Recent:
        """With those of another cohort."""
        return Recent(units=self.units + more.count, sum=self.sum + more.sum, square=self.square + more.square)

    def discounted(self, weight: float) -> Recent:
        """All of them counting less."""
        return Recent(units=self.units * weight, sum=self.sum * weight, square=self.square * weight)


class Arms:
    """Outcomes by arm, turned so that higher is better."""

    def __init__(self, names: Sequence[str], metric: Metric) -> None:
        self.names = tuple(names)
        self.is_rate = metric.kind is Kind.RATE
        self._metric = metric
        self._totals = dict.fromkeys(self.names, Sums())
        self._recent = dict.fromkeys(self.names, Recent())

    def absorb(self, rewards: Rewards) -> Mapping[str, Sums]:
        """The units of one cohort; returns them arm by arm."""
        fresh = {name: self._read(rewards.arms.get(name, Reward())) for name in self.names}
        self._totals = {name: found + fresh[name] for name, found in self._totals.items()}
        self._recent = {name: found.and_then(fresh[name]) for name, found in self._recent.items()}
        return fresh

    def forget(self, discount: float) -> None:
        """What has been counted so far counts less from here on."""
        self._recent = {name: found.discounted(discount) for name, found in self._recent.items()}

    def units(self, name: str) -> int:
        """All that were counted of the arm."""
        return self._totals[name].count

    @property
    def spent(self) -> int:
        """All that were counted."""
        return sum(found.count for found in self._totals.values())

    def counts(self, name: str) -> tuple[int, int] | None:
        """(good, all) units; None for numeric outcomes."""
        found = self._totals[name]
        return (round(found.sum), found.count) if self.is_rate else None

    def recent(self, names: Sequence[str]) -> list[tuple[float, float]]:
        """(sum, units) of each, older ones discounted."""
        return [(self._recent[name].sum, self._recent[name].units) for name in names]

    def posteriors(self, names: Sequence[str]) -> Sequence[Posterior]:
        """What is believed of the value of each."""
        found = [self._recent[name] for name in names]
        if self.is_rate:
            return [BetaPosterior(successes=each.sum, failures=each.units - each.sum) for each in found]
        return normal_posteriors([(each.units, each.sum, each.square) for each in found])

    def beliefs(self, names: Sequence[str]) -> Mapping[str, Belief]:
        """The same, for the record."""
        posteriors = self.posteriors(names)
        chances = best_probabilities(posteriors) if len(names) > 1 else (1.0,)
        return {
            name: Belief(
                units=self._recent[name].units,
                sum=self._recent[name].sum,
                square=self._recent[name].square,
                value=posterior.mean,
                best=chance,
            )
            for name, posterior, chance in zip(names, posteriors, chances, strict=True)
        }

    def leader(self, names: Sequence[str]) -> str:
        """The arm that is believed to have the highest value."""
        values = [posterior.mean for posterior in self.posteriors(names)]
        return names[values.index(max(values))]

    def told(self, names: Sequence[str]) -> str:
        """As in "v1 5.1 % of 4 187, v2 5.9 % of 4 210"."""
        return ", ".join(self._figure(name) for name in names)

    def _figure(self, name: str) -> str:
        found = self._totals[name]
        if found.mean is None:
            return f"{name} none"
        return f"{name} {self._as_counted(found.mean)} of {grouped(found.count)}"

    def _as_counted(self, mean: float) -> str:
        better = self._metric.better
        if not self.is_rate:
            return f"{as_counted(mean, better):.3g}"
        return percent(1 - mean if better is Better.LOWER else mean)

    def _read(self, reward: Reward) -> Sums:
        if not self.is_rate:
            return sums(reward, self._metric.better)
        had, units = good(reward, self._metric.better)
        return Sums(count=units, sum=had, square=had)


def without(dead: Collection[str], weights: Mapping[str, int], *, live: str) -> Allocation | None:
    """Fixed weights, but for arms that have failed: what they had is the live model's."""
    lost = sum(weights.get(arm, 0) for arm in dead)
    if not lost:
        return None
    left = {arm: weight + lost * (arm == live) for arm, weight in weights.items() if arm not in dead}
    return Allocation(weights=left, reason=f"{' and '.join(sorted(dead))} failed", beliefs={}, urgent=True)
