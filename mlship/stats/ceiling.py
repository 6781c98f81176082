"""Is a rate above its ceiling? One sample, exact at every look."""

from __future__ import annotations

import math

from mlship.stats.law import binomial
from mlship.stats.mixture import Mixture
from mlship.stats.ratio import UPWARD


class CeilingTest:
    """E-process against "each answer is bad with probability at most `ceiling`"; bets on higher odds.

    A ceiling of 0 falls with the first bad answer, one of 1 never.
    """

    def __init__(self, *, ceiling: float, alpha: float, start_mix: float = 0.1) -> None:
        self._ceiling = ceiling
        self._mixture = Mixture(bets=UPWARD, alpha=alpha, start_mix=start_mix)

    def absorb(self, bad: int, every: int) -> None:
        """One look: bad answers of every answer."""
        if not every or self._ceiling >= 1:
            return
        if self._ceiling > 0:
            self._mixture.absorb(binomial(every, self._ceiling), bad)
        elif bad:
            self._mixture.ruin()

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence against the rate; it stays at ln(1/alpha) once it is there."""
        return self._mixture.log_e

    @property
    def fired(self) -> bool:
        """The evidence has reached 1/alpha."""
        return self._mixture.fired

    @property
    def p_value(self) -> float:
        """Anytime-valid."""
        return min(1.0, math.exp(-self._mixture.peak))
