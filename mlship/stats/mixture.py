"""Wealth of bets that a count of known null law is tilted upwards: the e-process under the sequential tests.

Each bet is on one exponential tilt of the null law. What all bets together predict, over what the null predicts, is the
factor of a look. Two additions keep its null expectation at 1:

- *Boost* (Fischer, Ramdas, arXiv 2410.16076): wealth above 1/alpha is worth nothing, so the factor is cut where it
  would cross, and raised everywhere else by as much as makes its expectation 1 again.
- *Late starts*: a part of the stake is held back as cash and placed little by little, so that damage that begins late
  does not have to win back what the bets have lost before. By look t, t / (t + `PATIENCE`) of it has been placed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mlship.stats.law import Floats, Law

PATIENCE = 200
"""Looks after which half of the cash has been placed."""

_NEVER = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Bets:
    """Exponential tilts of the null law, and the stake on each; the stakes sum to 1."""

    tilts: Floats
    stakes: Floats


class Mixture:
    """The wealth, started at 1. It is frozen where it reaches 1/alpha: what it proves, it proves there."""

    def __init__(self, *, bets: Bets, alpha: float, start_mix: float) -> None:
        self._bets = bets
        self._placed = bets.stakes * (1 - start_mix)
        self._cash = start_mix
        self._looks = 0
        self._limit = math.log(1 / alpha)
        self.log_e = 0.0
        self.peak = 0.0

    @property
    def fired(self) -> bool:
        """The wealth has reached 1/alpha."""
        return self.peak >= self._limit - 1e-9

    def absorb(self, law: Law, count: int) -> None:
        """One look: its count, and the law that it would have under the null."""
        if self.fired:
            return
        self._place_late_bets()
        ratios = _likelihood_ratios(law, self._bets)
        place = law.place(count)
        factors = boosted(law.mass, ratios @ self._placed + self._cash, math.exp(self._limit - self.log_e))
        self.log_e = min(self.log_e + math.log(max(float(factors[place]), _NEVER)), self._limit)
        self.peak = max(self.peak, self.log_e)
        self._placed = np.maximum(self._placed * ratios[place], _NEVER)
        total = float(self._placed.sum()) + self._cash
        self._placed /= total
        self._cash /= total

    def ruin(self) -> None:
        """What the null rules out has happened: the wealth is at its limit."""
        self.log_e = self.peak = self._limit

    def _place_late_bets(self) -> None:
        self._looks += 1
        late = self._cash / (PATIENCE + self._looks)
        self._placed = self._placed + late * self._bets.stakes
        self._cash -= late


def boosted(mass: Floats, factors: Floats, cap: float) -> Floats:
    """min(b * factors, cap) with the b >= 1 that makes its expectation under `mass` 1.

    `factors` ascend and have expectation 1; `cap` is above 1. Where none of them exceeds it, b is 1.
    """
    if factors[-1] <= cap:
        return factors
    below = _sums(mass * factors)
    above = _sums(mass[::-1])[::-1]
    just_cut = cap / np.maximum(factors, _NEVER) * below[:-1] + cap * above[:-1]
    cut = int(np.argmax(just_cut <= 1)) if bool((just_cut <= 1).any()) else len(mass)
    boost = max((1 - cap * float(above[cut])) / max(float(below[cut]), _NEVER), 1.0)
    return np.minimum(boost * factors, cap)


def _sums(parts: Floats) -> Floats:
    """Of the first 0, 1, 2, ... parts."""
    sums: Floats = np.zeros(len(parts) + 1)
    np.cumsum(parts, out=sums[1:])
    return sums


@lru_cache(maxsize=128)
def _likelihood_ratios(law: Law, bets: Bets) -> Floats:
    """Tilted law over null law, shape (points, bets)."""
    tilted = np.exp(law.scores[:, None] * bets.tilts[None, :])
    ratios: Floats = tilted / (law.mass @ tilted)
    return ratios
