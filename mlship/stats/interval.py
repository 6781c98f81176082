"""Estimates with intervals that hold at every look: what people read beside the evidence."""

from __future__ import annotations

import math

import numpy as np

from mlship.stats.law import Floats, hypergeometric_mean, hypergeometric_steps

_REACH = math.log(64.0)
_EVEN = np.linspace(-1.0, 1.0, 65)
_GRID: Floats = _REACH * (0.1 * _EVEN + 0.9 * _EVEN**3)
"""Log odds ratios, dense around 0: steps of 1 % there, of 40 % at the ends."""
_PRIOR = np.exp(-np.abs(_GRID)) * np.gradient(_GRID)
_LOG_PRIOR: Floats = np.log(_PRIOR / _PRIOR.sum())
_EXACT = 400
"""Most bad answers in a look for the exact likelihood; beyond, the normal one is as good."""


class OddsRatio:
    """The odds ratio candidate / live over all looks, each a stratum of its own."""

    def __init__(self) -> None:
        self._log_likelihood: Floats = np.zeros(len(_GRID))
        self._for = 0.0
        self._against = 0.0

    def absorb(self, *, candidate: tuple[int, int], live: tuple[int, int]) -> None:
        """One look: (bad, all) answers of each."""
        (bad, every), (live_bad, live_every) = candidate, live
        drawn, total = bad + live_bad, every + live_every
        if not every or not live_every or drawn in {0, total}:
            return
        self._for += bad * (live_every - live_bad) / total
        self._against += live_bad * (every - bad) / total
        self._log_likelihood = self._log_likelihood + bad * _GRID - _cumulants(every, live_every, drawn)

    @property
    def estimate(self) -> float | None:
        """Mantel and Haenszel's; None while no look has a bad answer of live and a good one of the candidate."""
        return self._for / self._against if self._against else None

    def interval(self, alpha: float, *, design_effect: float = 1.0) -> tuple[float, float] | None:
        """The ratios that no look so far speaks against with evidence 1/alpha, to the next grid point outwards.

        Likelihood over mixture likelihood (Robbins 1970). Where answers come in clumps, the likelihood counts
        1/`design_effect` of its value. None while there is nothing to tell from.
        """
        if not self._for and not self._against:
            return None
        likelihood = self._log_likelihood / design_effect
        (inside,) = np.nonzero(likelihood >= _log_sum(likelihood + _LOG_PRIOR) - math.log(1 / alpha))
        first, last = int(inside[0]) - 1, int(inside[-1]) + 1
        low = math.exp(_GRID[first]) if first >= 0 else 0.0
        high = math.exp(_GRID[last]) if last < len(_GRID) else math.inf
        return low, high


def rate_interval(bad: int, every: int, alpha: float) -> tuple[float, float] | None:
    """An anytime-valid interval for a rate: the values that a Beta(1/2, 1/2) mixture does not beat by 1/alpha."""
    if not every:
        return None
    mixed = _log_beta(bad + 0.5, every - bad + 0.5) - _log_beta(0.5, 0.5)
    least = mixed - math.log(1 / alpha)
    rate = bad / every
    low = _border(bad, every, least, inside=rate, outside=0.0) if bad else 0.0
    high = _border(bad, every, least, inside=rate, outside=1.0) if bad < every else 1.0
    return low, high


def _border(bad: int, every: int, least: float, *, inside: float, outside: float) -> float:
    for _ in range(60):
        middle = (inside + outside) / 2
        likelihood = bad * math.log(middle) + (every - bad) * math.log1p(-middle) if 0 < middle < 1 else -math.inf
        if likelihood >= least:
            inside = middle
        else:
            outside = middle
    return outside


def _cumulants(marked: int, unmarked: int, drawn: int) -> Floats:
    """Logarithm of the null expectation of exp(x * count), for each x of the grid."""
    if drawn > _EXACT:
        return _integrated_means(marked, unmarked, drawn)
    low, high = max(0, drawn - unmarked), min(drawn, marked)
    logs = np.concatenate(([0.0], np.cumsum(hypergeometric_steps(marked, unmarked, drawn, (low, high)))))
    logs -= _log_sum(logs)
    counts = np.arange(low, high + 1)
    return _log_sum(counts[:, None] * _GRID[None, :] + logs[:, None])


def _integrated_means(marked: int, unmarked: int, drawn: int) -> Floats:
    """The cumulant function is the integral of the mean over the log odds ratio, from 0."""
    means = np.array([hypergeometric_mean(marked, unmarked, drawn, math.exp(x)) for x in _GRID])
    steps = np.diff(_GRID) * (means[1:] + means[:-1]) / 2
    integral = np.concatenate(([0.0], np.cumsum(steps)))
    from_the_middle: Floats = integral - integral[len(_GRID) // 2]
    return from_the_middle


def _log_sum(logs: Floats) -> Floats:
    highest = logs.max(axis=0)
    summed: Floats = highest + np.log(np.exp(logs - highest).sum(axis=0))
    return summed


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
