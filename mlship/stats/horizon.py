"""How many units a decision takes, for planning; and the tests of a fixed size, which are read once.

Everywhere units are those of the candidate; live's are (1 - share) / share times as many. What never decides takes
`math.inf` units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from mlship.stats.margin import MarginTest
from mlship.stats.means import MeansTest, Sums

OVER_BOUND = 1.3
"""Mean units of the ratio test over the least that any test needs: geometric mean of what was measured."""

OVER_PACE = 1.15
"""Mean units of the margin test over the limit divided by its pace, as measured: 1.0 to 1.3."""

_MANY = 10**9
"""So many units that stakes and rounding no longer matter; also the most that is foretold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Of a test that is read once."""

    alpha: float = 0.05
    power: float = 0.8
    share: float = 0.5
    """The candidate's part of the units of the two, 0..1."""
    two_sided: bool = True

    @property
    def quantiles(self) -> tuple[float, float]:
        """Standard normal ones: of what the test must exceed, and of the power."""
        normal = NormalDist()
        return normal.inv_cdf(1 - self.alpha / (2 if self.two_sided else 1)), normal.inv_cdf(self.power)


def proportions_size(live: float, candidate: float, design: Design) -> float:
    """Units that tell the two rates apart by the z test (Fleiss, Levin, Paik 2003, 4.2, no continuity correction)."""
    if live == candidate:
        return math.inf
    least, beyond = design.quantiles
    ratio = (1 - design.share) / design.share
    pooled = design.share * candidate + (1 - design.share) * live
    same = math.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio))
    apart = math.sqrt(candidate * (1 - candidate) + live * (1 - live) / ratio)
    return math.ceil(((least * same + beyond * apart) / (candidate - live)) ** 2)


def means_size(difference: float, deviation: float, design: Design) -> float:
    """Units that tell a difference of means from none, both arms having that standard deviation (Fleiss, as above)."""
    if not difference:
        return math.inf
    least, beyond = design.quantiles
    per_unit = (deviation / difference) ** 2 / (1 - design.share)
    return math.ceil((least + beyond) ** 2 * per_unit)


def proportions_p_value(candidate: tuple[int, int], live: tuple[int, int], *, two_sided: bool = True) -> float:
    """Of the z test with pooled variance, from (successes, all); one-sided, that the candidate's rate is no higher."""
    (hits, every), (live_hits, live_every) = candidate, live
    if not every or not live_every:
        return 1.0
    pooled = (hits + live_hits) / (every + live_every)
    variance = pooled * (1 - pooled) * (1 / every + 1 / live_every)
    return _p_value(hits / every - live_hits / live_every, variance, two_sided=two_sided)


def means_p_value(candidate: Sums, live: Sums, *, two_sided: bool = True) -> float:
    """Of the test of Welch (1947) with a normal tail; one-sided, that the candidate's mean is no higher."""
    if min(candidate.count, live.count) < 2:
        return 1.0
    variance = math.fsum(arm.deviations / (arm.count - 1) / arm.count for arm in (candidate, live))
    return _p_value(candidate.sum / candidate.count - live.sum / live.count, variance, two_sided=two_sided)


def ratio_units(live: float, candidate: float, *, alpha: float, share: float) -> float:
    """Mean units until the ratio test proves the candidate's rate higher: `OVER_BOUND` times the information bound.

    No test of power 1 needs fewer than ln(1/alpha) share / (share KL(candidate || q) + (1 - share) KL(live || q)), q
    being the rate of both together (Wald 1945).
    """
    if candidate <= live or not 0 < share < 1:
        return math.inf
    pooled = share * candidate + (1 - share) * live
    told = share * _divergence(candidate, pooled) + (1 - share) * _divergence(live, pooled)
    return OVER_BOUND * math.log(1 / alpha) * share / told


def margin_units(live: float, candidate: float, *, margin: float, alpha: float, share: float) -> float:
    """Mean units until the margin test proves the candidate's rate below live's plus `margin`, with live's rate known.

    `OVER_PACE` times the limit over the pace at which the evidence grows if counts are as expected.
    """
    if not 0 < share < 1:
        return math.inf
    test = MarginTest(margin=margin, alpha=alpha, history=(round(live * _MANY), _MANY))
    others = round(_MANY * (1 - share) / share)
    test.absorb(candidate=(round(candidate * _MANY), _MANY), live=(round(live * others), others))
    return OVER_PACE * math.log(1 / alpha) * _MANY / test.log_e if test.log_e > 1 else math.inf


def means_units(effect: float, *, alpha: float, share: float) -> float:
    """Units until the test of means fires, should its sums be as expected; about the median of them.

    `effect` is by how much the candidate's mean exceeds live's and the margin, in standard deviations of one unit.
    """
    if effect <= 0 or not 0 < share < 1:
        return math.inf
    few, enough = 0, _MANY
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _fires(middle, effect, alpha, share) else (middle, enough)
    return float(enough) if enough < _MANY else math.inf


def _fires(units: int, effect: float, alpha: float, share: float) -> bool:
    test, others = MeansTest(alpha=alpha), round(units * (1 - share) / share)
    candidate = Sums(count=units, sum=units * effect, square=units * (1 + effect * effect))
    test.absorb(candidate=candidate, live=Sums(count=others, square=others))
    return test.fired


def _p_value(difference: float, variance: float, *, two_sided: bool) -> float:
    if not variance:
        return 1.0 if not difference or (difference < 0 and not two_sided) else 0.0
    z = difference / math.sqrt(variance)
    return min(1.0, 2 * _above(abs(z))) if two_sided else _above(z)


def _above(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))


def _divergence(rate: float, other: float) -> float:
    hit = rate * math.log(rate / other) if rate else 0.0
    return hit + ((1 - rate) * math.log((1 - rate) / (1 - other)) if rate < 1 else 0.0)
