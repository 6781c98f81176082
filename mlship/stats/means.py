"""Is the mean of a numeric outcome higher in one arm than in another? Asymptotic, from sums: no raw values are kept.

No test of means is exact without a bound on the values, so two that err in different places must agree. Their score is
the same: within each look, the candidate's sum less its part of the whole. So means may drift, and shares may change
from look to look. What differs is the variance.

- *Permutation*: over all the assignments of the look's values to the arms. It holds whatever the values are, but the
  score of a small arm leans to one side where tails are heavy: too many find the smaller arm better.
- *Sampling*: from the variance within each arm. It is too small while the smaller arm has not met its tail, and then
  its mean is too low as well: too many find the smaller arm worse.

The evidence falls as the variance rises, so that the larger one gives the smaller evidence of both: it fires only where
each of them does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlship.stats.clustered import log_normal_cdf

CALIBRATION = 200
"""Units of both arms together after which the spread of the bets is fixed, and before which there is no evidence."""

LEAST = 100
"""Units of each arm before there is evidence: the normal limit is not near with fewer."""

_HORIZON = 1000
"""Units at whose variance the bets are sharpest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Outcomes y of the units of one arm, summed; and, where there is one, a covariate x that was known before."""

    count: int = 0
    sum: float = 0.0
    square: float = 0.0
    """Sum of the squares. It should not dwarf the variance: of values like 1e9 + 1, give what exceeds 1e9."""
    sum_x: float = 0.0
    square_x: float = 0.0
    product: float = 0.0
    """Sum of x * y."""

    def __add__(self, more: Sums) -> Sums:
        """Both together."""
        return Sums(
            count=self.count + more.count,
            sum=self.sum + more.sum,
            square=self.square + more.square,
            sum_x=self.sum_x + more.sum_x,
            square_x=self.square_x + more.square_x,
            product=self.product + more.product,
        )

    @property
    def negated(self) -> Sums:
        """Of -y: where lower is better."""
        return Sums(
            count=self.count,
            sum=-self.sum,
            square=self.square,
            sum_x=self.sum_x,
            square_x=self.square_x,
            product=-self.product,
        )

    @property
    def mean(self) -> float | None:
        """None where there are none."""
        return self.sum / self.count if self.count else None

    @property
    def deviations(self) -> float:
        """Sum of the squared deviations from the mean."""
        return max(0.0, self.square - self.sum * self.sum / self.count) if self.count else 0.0


def slope(*groups: Sums) -> float:
    """The regression coefficient of y on x within the groups, which makes the variance of y - slope * x least.

    0 where x does not vary. Source of the method: CUPED (Deng, Xu, Kohavi, Walker 2013).
    """
    filled = [group for group in groups if group.count]
    together = math.fsum(group.product - group.sum_x * group.sum / group.count for group in filled)
    alone = math.fsum(group.square_x - group.sum_x * group.sum_x / group.count for group in filled)
    # What rounding leaves of a covariate that is the same for all is no variance.
    return together / alone if alone > 1e-12 * math.fsum(group.square_x for group in filled) else 0.0


def adjusted(look: Sums, theta: float, mean_x: float) -> Sums:
    """The sums of y - theta * (x - mean_x).

    With `theta` and `mean_x` from earlier looks, and x from before the assignment, what is tested stays the same.
    """
    centred = look.sum_x - look.count * mean_x
    centred_product = look.product - mean_x * look.sum
    centred_square = look.square_x - 2 * mean_x * look.sum_x + look.count * mean_x * mean_x
    return Sums(
        count=look.count,
        sum=look.sum - theta * centred,
        square=look.square - 2 * theta * centred_product + theta * theta * centred_square,
    )


class MeanDifference:
    """The mean of the candidate less that of live over all looks, each a stratum of its own.

    Where there is a covariate, outcomes are adjusted by its slope in the earlier looks, once these have `LEAST` units.
    A look without units of both arms tells nothing: whoever has many such pools them before. `null` is the difference
    that evidence is against.
    """

    def __init__(self, *, null: float = 0.0) -> None:
        self._null = null
        self._raw = (Sums(), Sums())
        self._adjusted = (Sums(), Sums())
        self._parts: tuple[float, ...] = (0.0, 0.0)
        self._score = 0.0
        self._information = 0.0
        self._permuted: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._spread = 0.0

    def absorb(self, *, candidate: Sums, live: Sums) -> None:
        """One look: the outcomes of each."""
        if not candidate.count or not live.count:
            return
        theta, mean_x = self._regression()
        self._raw = (self._raw[0] + candidate, self._raw[1] + live)
        self._add(adjusted(candidate, theta, mean_x), adjusted(live, theta, mean_x))
        if not self._spread and self.units >= CALIBRATION:
            self._spread = self._variance(self._null) / self.units * _HORIZON

    @property
    def units(self) -> int:
        """Of both arms, in looks that had both."""
        return self._raw[0].count + self._raw[1].count

    @property
    def estimate(self) -> float | None:
        """The differences within the looks, each weighted by what it tells; None where no look had both."""
        return self._score / self._information if self._information else None

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """An asymptotic interval for the difference that holds at every look; None before there are enough units."""
        centre = self.estimate
        if centre is None or not self._enough:
            return None
        total = self._variance(centre) + self._spread
        width = math.sqrt(total * (math.log(total / self._spread) + 2 * math.log(1 / alpha))) / self._information
        return centre - width, centre + width

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence that the difference exceeds `null`; 0 before there are enough units."""
        if not self._enough:
            return 0.0
        total = self._variance(self._null) + self._spread
        z = (self._score - self._null * self._information) / math.sqrt(total)
        return math.log(2) + 0.5 * math.log(self._spread / total) + z * z / 2 + log_normal_cdf(z)

    @property
    def _enough(self) -> bool:
        # Outcomes that are all the same have no normal limit: what is rare may merely not have happened yet.
        varied = self._variance(0.0) > 0
        return varied and self._spread > 0 and min(arm.count for arm in self._raw) >= LEAST

    def _regression(self) -> tuple[float, float]:
        if self.units < LEAST:
            return 0.0, 0.0
        return slope(*self._raw), (self._raw[0].sum_x + self._raw[1].sum_x) / self.units

    def _add(self, candidate: Sums, live: Sums) -> None:
        every = candidate.count + live.count
        information = candidate.count * live.count / every
        score = information * (candidate.sum / candidate.count - live.sum / live.count)
        shuffled = information / (every - 1)
        within = candidate.deviations + live.deviations
        new = (shuffled * (within + score * score / information), shuffled * score, shuffled * information)
        self._permuted = _sum(self._permuted, new)
        self._parts = _sum(self._parts, (information**2 / candidate.count, information**2 / live.count))
        self._adjusted = (self._adjusted[0] + candidate, self._adjusted[1] + live)
        self._score += score
        self._information += information

    def _variance(self, difference: float) -> float:
        """Of the score, if the means differ by that: the larger of the two."""
        return max(self._permutation_variance(difference), self._sampling_variance())

    def _permutation_variance(self, difference: float) -> float:
        square, linear, constant = self._permuted
        return max(0.0, square - 2 * difference * linear + difference * difference * constant)

    def _sampling_variance(self) -> float:
        return math.fsum(
            part * arm.deviations / (arm.count - 1)
            for part, arm in zip(self._parts, self._adjusted, strict=True)
            if arm.count > 1
        )


class MeansTest:
    """E-process, in the normal limit, against "the candidate's mean is at most live's plus `margin`".

    Normal mixture over a positive effect (Robbins 1970; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024) of the
    larger variance of the two. For "not lower by the margin" give a negative one; for "live's is higher" swap the arms.
    """

    def __init__(self, *, alpha: float, margin: float = 0.0) -> None:
        self._limit = math.log(1 / alpha)
        self.difference = MeanDifference(null=margin)
        self.log_e = 0.0
        self.peak = 0.0

    def absorb(self, *, candidate: Sums, live: Sums) -> None:
        """One look: the outcomes of each."""
        self.difference.absorb(candidate=candidate, live=live)
        self.log_e = self.difference.log_e
        self.peak = max(self.peak, self.log_e)

    @property
    def fired(self) -> bool:
        """The evidence has reached 1/alpha at some look."""
        return self.peak >= self._limit - 1e-9

    @property
    def p_value(self) -> float:
        """Anytime-valid in the normal limit: at most x with probability at most x, at whatever look one stops."""
        return min(1.0, math.exp(-self.peak))


def _sum(some: tuple[float, ...], more: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(one + other for one, other in zip(some, more, strict=True))
