"""Laws of a count whose null distribution is known, cut to where the mass is.

A law is built outwards from its mode by the ratio of neighbouring probabilities, so no factorial is ever needed and a
million requests cost no more than their standard deviation. Counts beyond the window count as its ends, and windows of
more than `POINTS` counts are read in bins. Both are fixed before the count is seen and keep the order of counts: what
is judged is a coarser count whose law is known, so nothing is lost but a little power. Below 1e-14 lies outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POINTS = 128
"""Most points of a law; the time and memory of one update are bounded by it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """Probabilities `mass[i]` of the counts `first + i * width` up to the next point, ascending."""

    first: int
    width: int
    mass: Floats

    @property
    def scores(self) -> Floats:
        """The count that stands for each point, shape of `mass`, less that of the last one."""
        return self.width * (np.arange(len(self.mass), dtype=np.float64) - (len(self.mass) - 1))

    def place(self, count: int) -> int:
        """The point that `count` falls on."""
        return min(max((count - self.first) // self.width, 0), len(self.mass) - 1)


@lru_cache(maxsize=128)
def hypergeometric(marked: int, unmarked: int, drawn: int, odds: float = 1.0) -> Law:
    """How many of `drawn` are marked: Fisher's noncentral hypergeometric law with odds ratio `odds`."""
    low, high = max(0, drawn - unmarked), min(drawn, marked)
    mode = min(max(_mode(marked, unmarked, drawn, odds), low), high)
    cells = (mode, marked - mode, drawn - mode, unmarked - drawn + mode)
    low, high = _window(low, high, mode, 1 / sum(1 / (cell + 0.5) for cell in cells))
    return _law(low, hypergeometric_steps(marked, unmarked, drawn, (low, high)) + math.log(odds))


def hypergeometric_steps(marked: int, unmarked: int, drawn: int, support: tuple[int, int]) -> Floats:
    """Logarithms of p(k) / p(k - 1) for k from the second to the last count of `support`, for odds ratio 1."""
    after = np.arange(support[0] + 1, support[1] + 1, dtype=np.float64)
    steps: Floats = np.log((marked - after + 1) * (drawn - after + 1) / (after * (unmarked - drawn + after)))
    return steps


def hypergeometric_mean(marked: int, unmarked: int, drawn: int, odds: float) -> float:
    """The mean of the same law, to a small part of its standard deviation (Cornfield); exact for odds ratio 1."""
    b = (marked + drawn) * odds + unmarked - drawn
    c = float(marked) * drawn * odds
    return 2 * c / (b + math.sqrt(b * b - 4 * (odds - 1) * c))


@lru_cache(maxsize=128)
def binomial(trials: int, probability: float) -> Law:
    """How many of `trials` succeed, each with `probability` strictly between 0 and 1."""
    mode = min(math.floor((trials + 1) * probability), trials)
    low, high = _window(0, trials, mode, trials * probability * (1 - probability))
    after = np.arange(low + 1, high + 1, dtype=np.float64)
    steps = np.log((trials - after + 1) / after) + math.log(probability / (1 - probability))
    return _law(low, steps)


def _mode(marked: int, unmarked: int, drawn: int, odds: float) -> int:
    """Largest root of p(k) = p(k - 1), a quadratic in k, in the form that does not cancel."""
    a = odds - 1
    b = (marked + drawn + 2) * odds + unmarked - drawn
    c = (marked + 1.0) * (drawn + 1.0) * odds
    return math.floor(2 * c / (b + math.sqrt(b * b - 4 * a * c)))


def _window(low: int, high: int, mode: int, variance: float) -> tuple[int, int]:
    """Both laws are sums of independent trials, so by Bernstein's inequality this reach leaves less than 1e-14 out."""
    reach = math.ceil(26 + 9 * math.sqrt(variance))
    return max(low, mode - reach), min(high, mode + reach)


def _law(first: int, steps: Floats) -> Law:
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    mass = np.exp(logs - logs.max())
    mass /= mass.sum()
    width = -(-len(mass) // POINTS)
    if width > 1:
        mass = np.add.reduceat(mass, np.arange(0, len(mass), width))
    return Law(first=first, width=width, mass=mass)
