"""Is something more frequent in the candidate than in the live model? Exact at every look, whatever the rates do."""

from __future__ import annotations

import math

import numpy as np

from mlship.stats.law import hypergeometric
from mlship.stats.mixture import Bets, Mixture


def upward() -> Bets:
    """On odds ratios 1.05 to 64 times the tolerated one; the larger, the less."""
    tilts = np.linspace(math.log(1.05), math.log(64.0), 32)
    stakes = np.exp(-tilts)
    return Bets(tilts, stakes / stakes.sum())


UPWARD = upward()


class RatioTest:
    """E-process against "the odds ratio candidate / live of a bad answer is at most `margin`", one stratum per look.

    Given the totals of a look, the candidate's part of the bad answers is hypergeometric whatever the rate of that
    moment is, so rates may drift and weights may change between looks (Lindon, Malek 2022; the likelihood ratio is
    monotone, so the whole composite null holds). With `margin` 1 this rests on random routing
    alone, however errors cluster.
    """

    def __init__(self, *, alpha: float, margin: float = 1.0, start_mix: float = 0.1) -> None:
        self._margin = margin
        self._mixture = Mixture(bets=UPWARD, alpha=alpha, start_mix=start_mix)

    def absorb(self, *, candidate: tuple[int, int], live: tuple[int, int]) -> None:
        """One look: (bad, all) answers of each."""
        (bad, every), (live_bad, live_every) = candidate, live
        drawn = bad + live_bad
        if not drawn or not every or not live_every or drawn == every + live_every:
            return
        self._mixture.absorb(hypergeometric(every, live_every, drawn, self._margin), bad)

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence against the candidate; it stays at ln(1/alpha) once it is there."""
        return self._mixture.log_e

    @property
    def fired(self) -> bool:
        """The evidence has reached 1/alpha."""
        return self._mixture.fired

    @property
    def peak(self) -> float:
        """The highest `log_e` so far."""
        return self._mixture.peak

    @property
    def p_value(self) -> float:
        """Anytime-valid: at most x with probability at most x, at whatever look one stops."""
        return min(1.0, math.exp(-self._mixture.peak))
