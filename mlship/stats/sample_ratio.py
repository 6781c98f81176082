"""Does the traffic split as asked? Sample-ratio mismatch, exact at every look, the weight being each look's own."""

from __future__ import annotations

import math

import numpy as np

from mlship.stats.law import binomial
from mlship.stats.mixture import Bets, Mixture

_BETS = Bets(np.geomspace(0.01, 0.7, 14), np.full(14, 1 / 14))


class SampleRatioTest:
    """E-process against "the odds of reaching the candidate are within a factor `tolerance` of those asked".

    The mean of two one-sided ones: too many requests, too few. Source: Lindon, Malek 2022. A tolerance above 1 is for
    sticky assignment, where the share of requests is that of the users who happened to be assigned.
    """

    def __init__(self, *, alpha: float = 0.001, tolerance: float = 1.0, start_mix: float = 0.1) -> None:
        self._tolerance = tolerance
        self._limit = math.log(1 / alpha)
        self._many, self._few = (Mixture(bets=_BETS, alpha=alpha / 2, start_mix=start_mix) for _ in range(2))
        self.fired = False

    def absorb(self, *, candidate: int, live: int, share: float) -> None:
        """One look: requests of each, and the share asked for the candidate, strictly between 0 and 1."""
        total = candidate + live
        if not total or not 0 < share < 1:
            return
        self._many.absorb(binomial(total, self._most(share)), candidate)
        self._few.absorb(binomial(total, self._most(1 - share)), live)
        self.fired = self.fired or self.log_e >= self._limit - 1e-9

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence for a skew."""
        return float(np.logaddexp(self._many.log_e, self._few.log_e)) - math.log(2)

    def _most(self, share: float) -> float:
        return self._tolerance * share / (self._tolerance * share + 1 - share)
