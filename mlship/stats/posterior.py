"""What is believed of each arm, and how likely each is the best: by quadrature, so equal counts give equal answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from mlship.stats.law import Floats

POINTS = 400
"""Least points of the quadrature over all arms together."""

_LEAST = 100
"""Points of one arm, however many there are."""

_REACH = 5.0
"""Standard normal quantile of an arm's last point: 3e-7 lies beyond."""

_PRIOR_WORTH = 1.0
_PRIOR_FREEDOM = 3.0
"""Degrees of freedom that the prior of a variance is worth: the fewest with which losses are finite."""

_FINEST = 1e-9
"""Least scale of a belief, as part of its location: rounding hides what is finer."""


class Posterior(Protocol):
    """A belief in the mean reward of an arm, told on an axis of its kind: only those of one kind can be compared."""

    @property
    def mean(self) -> float:
        """The expected mean reward."""
        ...

    def places(self, quantiles: Floats) -> Floats:
        """Where on the axis about those standard normal quantiles of the belief lie, ascending."""
        ...

    def log_density(self, places: Floats) -> Floats:
        """Along the axis, up to a constant."""
        ...

    def rewards(self, places: Floats) -> Floats:
        """The mean rewards that the places stand for."""
        ...

    def draw(self, rng: np.random.Generator, draws: int) -> Floats:
        """Mean rewards at random."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaPosterior:
    """Of a success rate, the prior being uniform: Beta(1 + successes, 1 + failures). Its axis is the log odds.

    On that axis it is smooth and log-concave whatever the counts, so a rate near 0 needs no finer grid than another.
    Counts may be discounted, so they need not be whole.
    """

    successes: float
    failures: float

    @property
    def mean(self) -> float:
        """The expected rate, 0..1."""
        return (1 + self.successes) / (2 + self.successes + self.failures)

    def places(self, quantiles: Floats) -> Floats:
        """From the normal limit, stretched to where the exponential tails have as little mass."""
        a, b = 1 + self.successes, 1 + self.failures
        tails = quantiles * np.abs(quantiles) / np.where(quantiles < 0, 2 * a, 2 * b)
        found: Floats = math.log(a / b) + quantiles * math.sqrt(1 / a + 1 / b) + tails
        return found

    def log_density(self, places: Floats) -> Floats:
        """Of the log odds."""
        a, b = 1 + self.successes, 1 + self.failures
        found: Floats = a * places - (a + b) * np.logaddexp(0, places)
        return found

    def rewards(self, places: Floats) -> Floats:
        """Rates, 0..1."""
        rates: Floats = 1 / (1 + np.exp(-places))
        return rates

    def draw(self, rng: np.random.Generator, draws: int) -> Floats:
        """Rates at random."""
        return rng.beta(1 + self.successes, 1 + self.failures, draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalPosterior:
    """Of the mean of rewards that are taken for normal with unknown variance: a Student distribution.

    Means of other rewards than normal ones are believed in too firmly while an arm has few of them or they are heavy-
    tailed. The prior is normal-inverse-chi-squared (Gelman et al., Bayesian Data Analysis, 3.3): for the mean it is
    worth one reward of `prior_mean`, for the variance three of `prior_deviation`. Both should be of the rewards' order
    of magnitude, as `normal_posteriors` sees to.
    """

    count: float
    sum: float
    square: float
    """Sum of the squares."""
    prior_mean: float = 0.0
    prior_deviation: float = 1.0

    @property
    def mean(self) -> float:
        """The expected mean reward."""
        return (_PRIOR_WORTH * self.prior_mean + self.sum) / (_PRIOR_WORTH + self.count)

    @property
    def freedom(self) -> float:
        """Degrees of freedom."""
        return _PRIOR_FREEDOM + self.count

    @property
    def scale(self) -> float:
        """By which a Student variable is multiplied: the standard error of the mean."""
        worth = _PRIOR_WORTH + self.count
        squares = _PRIOR_FREEDOM * self.prior_deviation**2
        if self.count:
            average = self.sum / self.count
            squares += max(0.0, self.square - average * self.sum)
            squares += _PRIOR_WORTH * self.count / worth * (average - self.prior_mean) ** 2
        finest = _FINEST * max(abs(self.mean), abs(self.prior_mean), self.prior_deviation)
        return max(math.sqrt(squares / (self.freedom * worth)), finest) or _FINEST

    def places(self, quantiles: Floats) -> Floats:
        """By the approximation of Wallace (1959): z² = freedom * ln(1 + t² / freedom)."""
        freedom = self.freedom
        found: Floats = self.mean + self.scale * np.sign(quantiles) * np.sqrt(
            freedom * np.expm1(quantiles**2 / freedom)
        )
        return found

    def log_density(self, places: Floats) -> Floats:
        """Of the mean reward."""
        t = (places - self.mean) / self.scale
        found: Floats = -(self.freedom + 1) / 2 * np.log1p(t * t / self.freedom)
        return found

    def rewards(self, places: Floats) -> Floats:
        """The places themselves."""
        return places

    def draw(self, rng: np.random.Generator, draws: int) -> Floats:
        """Mean rewards at random."""
        found: Floats = self.mean + self.scale * rng.standard_t(self.freedom, draws)
        return found


def normal_posteriors(arms: Sequence[tuple[float, float, float]]) -> tuple[NormalPosterior, ...]:
    """Of (count, sum, sum of squares) of the rewards of each arm, with mean and spread of them all as the prior.

    So beliefs do not depend on the unit, and an arm without rewards is an average one (unit information prior, Kass,
    Wasserman 1995).
    """
    count, total, square = (math.fsum(column) for column in zip(*arms, strict=True))
    mean = total / count if count else 0.0
    deviation = math.sqrt(max(0.0, square / count - mean * mean)) if count else 0.0
    spread = deviation or abs(mean) or 1.0
    return tuple(NormalPosterior(count=n, sum=s, square=q, prior_mean=mean, prior_deviation=spread) for n, s, q in arms)


def best_probabilities(posteriors: Sequence[Posterior]) -> tuple[float, ...]:
    """Of each arm, that its mean reward is the highest; they sum to 1, and arms with equal counts have equal ones.

    P(k is best) is the integral over k's distribution of the product of the distribution functions of the others.
    """
    _, below = _distributions(posteriors)
    others = _products_of_others(below)
    chances = ((below[:, 1:] - below[:, :-1]) * (others[:, 1:] + others[:, :-1])).sum(axis=1)
    return tuple((chances / chances.sum()).tolist())


def expected_losses(posteriors: Sequence[Posterior]) -> tuple[float, ...]:
    """Of each arm, by how much the best one's mean reward is expected to exceed its own; in units of the reward.

    E[max - own] is the integral over the rewards of P(own is below) P(some other is above).
    """
    places, below = _distributions(posteriors)
    lost = below * (1 - _products_of_others(below))
    steps = np.diff(posteriors[0].rewards(places)) / 2
    return tuple(((lost[:, 1:] + lost[:, :-1]) @ steps).tolist())


def _distributions(posteriors: Sequence[Posterior]) -> tuple[Floats, Floats]:
    """Points on the axis, and the distribution function of each arm there: shapes (points), (arms, points).

    Each arm brings points over its own reach, so that the narrowest among wide ones is seen. Those of equal arms
    interleave. On so smooth densities the trapezium rule is off by less than 5e-4.
    """
    quantiles = _quantiles(len(posteriors))
    places = np.concatenate([arm.places(own) for arm, own in zip(posteriors, quantiles, strict=True)])
    places.sort()
    logs = np.array([arm.log_density(places) for arm in posteriors])
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    below = np.zeros_like(density)
    np.cumsum((density[:, 1:] + density[:, :-1]) * (places[1:] - places[:-1]), axis=1, out=below[:, 1:])
    below /= below[:, -1:]
    return places, below


@lru_cache(maxsize=16)
def _quantiles(arms: int) -> Floats:
    """Normal quantiles at which each arm brings its points: shape (arms, points of one)."""
    even, step = np.linspace(-_REACH, _REACH, max(POINTS // arms, _LEAST), retstep=True)
    quantiles: Floats = even + step / arms * np.arange(arms)[:, None]
    return quantiles


def _products_of_others(below: Floats) -> Floats:
    """Row k: the product of all the rows but k."""
    own = np.eye(len(below), dtype=bool)[:, :, None]
    products: Floats = np.where(own, 1.0, below[None]).prod(axis=1)
    return products
