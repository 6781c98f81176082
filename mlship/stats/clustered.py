"""Harm where users, not requests, are assigned: errors of one user come in clumps."""

from __future__ import annotations

import math

from mlship.stats.law import hypergeometric_mean


class ClusteredTest:
    """Self-normalised e-process against "the odds ratio candidate / live of a bad answer is at most `margin`".

    Each look scores the candidate's bad answers less the part of all of them that it would have at the margin. The
    squares of how far each score lies from the mean of those before it (with one of 0 ahead of them all) stand for the
    variance, never less than if requests were independent. So clumps widen it, and steady harm does not hide itself.
    Mixture over a half-normal effect (Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021). Valid for scores that are
    symmetric and independent from look to look: clumps within a look or passing ones are covered, a few users who
    differ for good are not.
    """

    def __init__(self, *, alpha: float, margin: float = 1.0, scale: float = 5.0) -> None:
        self._margin = margin
        self._scale = scale
        self._limit = math.log(1 / alpha)
        self._score = 0.0
        self._looks = 1
        self._squares = 0.0
        self._independent = 0.0
        self._peak = 0.0

    def absorb(self, *, candidate: tuple[int, int], live: tuple[int, int]) -> None:
        """One look: (bad, all) answers of each."""
        every, bad = candidate[1] + live[1], candidate[0] + live[0]
        if not candidate[1] or not live[1] or bad in {0, every}:
            return
        expected = hypergeometric_mean(candidate[1], live[1], bad, self._margin)
        score = candidate[0] - expected
        cells = (expected, candidate[1] - expected, bad - expected, live[1] - bad + expected)
        self._squares += (score - self._score / self._looks) ** 2
        self._score += score
        self._looks += 1
        self._independent += 1 / sum(1 / cell for cell in cells)
        self._peak = max(self._peak, self.log_e)

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence against the candidate."""
        spread = max(self._squares, self._independent) + self._scale
        z = self._score / math.sqrt(spread)
        return math.log(2) + 0.5 * math.log(self._scale / spread) + z * z / 2 + log_normal_cdf(z)

    @property
    def fired(self) -> bool:
        """The evidence has reached 1/alpha at some look."""
        return self._peak >= self._limit

    @property
    def design_effect(self) -> float:
        """Variance of the scores over that of independent requests, at least 1."""
        return max(1.0, self._squares / self._independent) if self._independent else 1.0


def log_normal_cdf(z: float) -> float:
    """Logarithm of the probability that a standard normal variable is at most z."""
    if z > -30:
        return math.log(0.5 * math.erfc(-z / math.sqrt(2)))
    return -z * z / 2 - math.log(-z * math.sqrt(2 * math.pi))
