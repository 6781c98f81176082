"""Is one model right more often than another on the same labelled requests? Exact at every look.

Only pairs on which one is right and the other wrong can tell, so what is hard for both costs no evidence: to see two
points of accuracy takes about a third of the labels that two separate groups of requests need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlship.stats.law import Floats, binomial
from mlship.stats.upward import UpwardTest

_STEPS = 12
_WAGERS: Floats = np.geomspace(0.03, 0.9, _STEPS)
"""Parts of the most that one pair can cost: from differences that take 10 000 pairs to see to those of a few."""
_SAFE_WAGERS: Floats = np.geomspace(0.004, 0.49, _STEPS)
"""Those whose bets stay positive whatever the difference that is tried."""
_EVEN = math.log(1 / _STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Labelled pairs, and those of them in which one alone was right."""

    pairs: int = 0
    lost: int = 0
    """Only the live model was right."""
    won: int = 0
    """Only the challenger was right."""

    def __add__(self, more: Outcomes) -> Outcomes:
        """Both together."""
        return Outcomes(pairs=self.pairs + more.pairs, lost=self.lost + more.lost, won=self.won + more.won)

    @property
    def swapped(self) -> Outcomes:
        """As seen from the other side."""
        return Outcomes(pairs=self.pairs, lost=self.won, won=self.lost)

    @property
    def gain(self) -> float | None:
        """Accuracy of the challenger less that of the live model; None without pairs."""
        return (self.won - self.lost) / self.pairs if self.pairs else None


class DiscordantTest(UpwardTest):
    """E-process against "where one alone is right, it is the challenger at most every second time".

    Given how many pairs of a look were decided, a challenger that is not better has won Binomial(decided, 1/2) of them
    at most (McNemar's law), whatever else is in the look. The engine is that of the other tests: tilts, boosted.
    """

    def absorb(self, look: Outcomes) -> None:
        """The pairs whose truth is new."""
        decided = look.lost + look.won
        if decided:
            self._mixture.absorb(binomial(decided, 0.5), look.won)


class GainTest:
    """E-process against "the challenger's gain in accuracy is at most `least`", -1 < `least` < 1.

    A bet of l on each pair multiplies the stake by 1 + l (D - least), D being 1, 0 or -1: at most 1 on average while
    the gain is at most `least`, pair by pair (Waudby-Smith, Ramdas 2024). Twelve l share the stake. Their products
    depend on the counts alone, so a look may bring any number of pairs.
    """

    def __init__(self, *, least: float) -> None:
        self._least = least
        self._wagers = _WAGERS / (1 + least)
        self._counted = Outcomes()
        self.log_e = 0.0
        self.peak = 0.0

    def absorb(self, look: Outcomes) -> None:
        """The pairs whose truth is new."""
        self._counted += look
        self.log_e = _log_wealth(self._counted, self._least, self._wagers)
        self.peak = max(self.peak, self.log_e)


def gain_test(*, least: float, alpha: float) -> DiscordantTest | GainTest:
    """The test against "the gain in accuracy is at most `least`" that needs fewer pairs."""
    return DiscordantTest(alpha=alpha) if least == 0 else GainTest(least=least)


def gain_interval(counted: Outcomes, alpha: float) -> tuple[float, float] | None:
    """An anytime-valid interval for the gain in accuracy: what bets from neither side refute, at alpha / 2 each.

    `counted` is over all looks. None without pairs.
    """
    if not counted.pairs:
        return None
    return -_highest(counted.swapped, alpha / 2), _highest(counted, alpha / 2)


def _highest(counted: Outcomes, alpha: float) -> float:
    """The gain above which bets on a lower one have evidence 1/alpha: their wealth rises with the gain tried."""
    limit, low, high = math.log(1 / alpha), counted.gain or 0.0, 1.0
    if _log_wealth(counted.swapped, -high, _SAFE_WAGERS) < limit:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if _log_wealth(counted.swapped, -middle, _SAFE_WAGERS) < limit:
            low = middle
        else:
            high = middle
    return high


def _log_wealth(counted: Outcomes, least: float, wagers: Floats) -> float:
    even = counted.pairs - counted.won - counted.lost
    logs = counted.won * np.log1p(wagers * (1 - least)) + counted.lost * np.log1p(-wagers * (1 + least))
    return float(np.logaddexp.reduce(logs + even * np.log1p(-wagers * least))) + _EVEN
