"""Is a rate above its ceiling? One sample, exact at every look."""

from __future__ import annotations

from mlship.stats.law import binomial
from mlship.stats.upward import UpwardTest


class CeilingTest(UpwardTest):
    """E-process against "each answer is bad with probability at most `ceiling`"; bets on higher odds.

    A ceiling of 0 falls with the first bad answer, one of 1 never.
    """

    def __init__(self, *, ceiling: float, alpha: float, start_mix: float = 0.1) -> None:
        super().__init__(alpha=alpha, start_mix=start_mix)
        self._ceiling = ceiling

    def absorb(self, bad: int, every: int) -> None:
        """One look: bad answers of every answer."""
        if not every or self._ceiling >= 1:
            return
        if self._ceiling > 0:
            self._mixture.absorb(binomial(every, self._ceiling), bad)
        elif bad:
            self._mixture.ruin()
