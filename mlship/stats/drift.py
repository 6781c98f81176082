"""How far two distributions are apart, from counts in the same bins."""

from __future__ import annotations

import math
from collections.abc import Sequence

_HALF = 0.5


def population_stability(one: Sequence[int], other: Sequence[int]) -> float | None:
    """PSI: the sum over the bins of (p - q) ln(p / q), with half a count added to every bin; None without counts.

    Under 0.1 is usually read as stable, above 0.25 as a shift. Two samples of n values each of the same distribution
    are about 2 (bins - 1) / n apart.
    """
    if not sum(one) or not sum(other):
        return None
    parts = zip(_shares(one, _HALF), _shares(other, _HALF), strict=True)
    return math.fsum((p - q) * math.log(p / q) for p, q in parts)


def kolmogorov_smirnov(one: Sequence[int], other: Sequence[int]) -> float | None:
    """The largest difference of the two distribution functions at an edge of the bins, 0..1; None without counts.

    Within a bin the functions may differ by more: what is told is a lower bound of Kolmogorov's and Smirnov's distance.
    """
    if not sum(one) or not sum(other):
        return None
    apart, most = 0.0, 0.0
    for p, q in zip(_shares(one, 0.0), _shares(other, 0.0), strict=True):
        apart += p - q
        most = max(most, abs(apart))
    return min(most, 1.0)


def _shares(counts: Sequence[int], added: float) -> list[float]:
    total = sum(counts) + added * len(counts)
    return [(count + added) / total for count in counts]
