"""Is the mean of paired differences above a value? For numeric scores; asymptotic, not exact."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlship.stats.clustered import log_normal_cdf

CALIBRATION = 200
"""Pairs after which the spread of the bets is fixed, and before which there is no evidence."""

_HORIZON = 1000
"""Pairs at whose variance the bets are sharpest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Differences of paired scores, summed."""

    count: int = 0
    sum: float = 0.0
    square: float = 0.0
    """Sum of the squares."""

    def __add__(self, more: Differences) -> Differences:
        """Both together."""
        return Differences(count=self.count + more.count, sum=self.sum + more.sum, square=self.square + more.square)

    @property
    def negated(self) -> Differences:
        """Those of the other sign."""
        return Differences(count=self.count, sum=-self.sum, square=self.square)

    @property
    def mean(self) -> float | None:
        """None where there are none."""
        return self.sum / self.count if self.count else None


class DifferenceTest:
    """Self-normalised e-process against "the mean difference is at most `least`".

    Normal mixture over a positive effect, normalised by the squares about `least` themselves (Robbins 1970; Howard,
    Ramdas, McAuliffe, Sekhon 2021): exact for differences that are symmetric about `least`, else in the normal limit.
    One difference of any size adds to its own norm, so that a heavy tail costs time and not validity.
    """

    def __init__(self, *, least: float) -> None:
        self._least = least
        self._counted = Differences()
        self._spread = 0.0
        self.log_e = 0.0
        self.peak = 0.0

    def absorb(self, look: Differences) -> None:
        """The pairs whose truth is new."""
        self._counted += look
        counted, least = self._counted, self._least
        squares = max(0.0, counted.square - 2 * least * counted.sum + least * least * counted.count)
        if not self._spread and counted.count >= CALIBRATION:
            self._spread = squares / counted.count * _HORIZON
        if self._spread:
            self.log_e = _mixed(counted.sum - least * counted.count, squares, self._spread)
            self.peak = max(self.peak, self.log_e)


def difference_interval(counted: Differences, alpha: float) -> tuple[float, float] | None:
    """An asymptotic interval for the mean difference that holds at every look; None before there are enough pairs."""
    mean = counted.mean
    if mean is None or counted.count < CALIBRATION:
        return None
    variance = max(0.0, counted.square - mean * counted.sum)
    spread = variance / counted.count * _HORIZON
    if not spread:
        return mean, mean
    total = variance + spread
    width = math.sqrt(total * (math.log(total / spread) + 2 * math.log(1 / alpha))) / counted.count
    return mean - width, mean + width


def _mixed(score: float, squares: float, spread: float) -> float:
    total = squares + spread
    z = score / math.sqrt(total)
    return math.log(2) + 0.5 * math.log(spread / total) + z * z / 2 + log_normal_cdf(z)
