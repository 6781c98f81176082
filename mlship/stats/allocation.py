"""Which part of the traffic each arm of a bandit gets: policies as functions of counts, shares 0..1 that sum to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlship.stats.posterior import Posterior, best_probabilities

_NOTHING = 1e-12
"""Shares below are those of arms that nothing is to be gained by."""


def sharpening(spent: float, horizon: float) -> float:
    """The exponent 1 + ln(T / (T - t)) after t of T requests: the fewer are left, the less is worth exploring.

    It grows from 1 to 1 + ln T, where one request is left, and stays there.
    """
    whole = max(horizon, 1.0)
    return 1 + math.log(whole / min(max(whole - spent, 1.0), whole))


def probability_matching(posteriors: Sequence[Posterior], exponent: float = 1.0) -> tuple[float, ...]:
    """Shares proportional to P(arm is best) ** `exponent`, without random numbers (Scott 2010).

    With exponent 1 they are what Thompson sampling gives on average; `sharpening` gives the exponent for a horizon.
    """
    chances = best_probabilities(posteriors)
    highest = max(chances)
    return _normal([(chance / highest) ** exponent for chance in chances])


def thompson(posteriors: Sequence[Posterior], rng: np.random.Generator, draws: int) -> tuple[float, ...]:
    """How often each arm is the best of `draws` draws from all the posteriors (Thompson 1933)."""
    drawn = np.stack([posterior.draw(rng, draws) for posterior in posteriors])
    return _normal(np.bincount(drawn.argmax(axis=0), minlength=len(posteriors)).tolist())


def kl_ucb(counts: Sequence[tuple[float, float]], horizon: float | None = None) -> tuple[float, ...]:
    """All to the arm of the highest index; arms that tie share. `counts` are (successes, all) of each arm.

    The index is the highest rate q with n KL(rate || q) <= ln t, t being the requests so far (Garivier, Cappé 2011),
    or <= ln(T / (K n)), at least 0, where a horizon of T requests is known (Ménard, Garivier 2017, without their
    second-order term). An arm without requests comes before all others.
    """
    asked = sum(every for _, every in counts)
    indices = []
    for successes, every in counts:
        if not every:
            indices.append(math.inf)
            continue
        reach = asked if horizon is None else horizon / (len(counts) * every)
        indices.append(_highest_rate(successes / every, math.log(max(reach, 1.0)) / every))
    return _to_the_highest(indices)


def epsilon_greedy(means: Sequence[float], epsilon: float) -> tuple[float, ...]:
    """`epsilon` in equal parts to all arms, the rest to the one of the highest mean; arms that tie share it."""
    greedy = _to_the_highest(means)
    return tuple(epsilon / len(means) + (1 - epsilon) * share for share in greedy)


def bounded(shares: Sequence[float], floor: float, ceiling: float) -> tuple[float, ...]:
    """The shares clipped to floor..ceiling, those in between scaled by one factor so that they sum to 1.

    What is left when all the arms with a share are at the ceiling goes to the others in equal parts. Raises ValueError
    where no shares are within the bounds. Give it the arms that are alive only; a single one needs ceiling 1.
    """
    arms = len(shares)
    if floor < 0 or floor > ceiling or floor * arms > 1 + _NOTHING or ceiling * arms < 1 - _NOTHING:
        raise ValueError(f"{arms} shares between {floor} and {ceiling} cannot sum to 1")
    least = _NOTHING * max(shares)
    wanted = [share for share in shares if share > least]
    factors = sorted({bound / share for share in wanted for bound in (floor, ceiling)})
    sums = [math.fsum(_between(floor, factor * share, ceiling) for share in wanted) for factor in factors]
    idle = arms - len(wanted)
    rest = max(floor, (1 - ceiling * len(wanted)) / idle) if idle else 0.0
    factor = float(np.interp(1 - idle * rest, sums, factors))
    return tuple(_between(floor, factor * share, ceiling) if share > least else rest for share in shares)


def rounded(shares: Sequence[float], whole: int = 10_000, *, floor: float = 0.0) -> tuple[int, ...]:
    """Whole numbers that sum to `whole`, by largest remainder; of equal remainders the first arm's is the larger.

    With a floor above 0 no arm gets 0: the largest gives. Raises ValueError for more arms than `whole` has parts then.
    """
    total = math.fsum(shares)
    parts = [share / total * whole for share in shares]
    counts = [math.floor(part + 1e-9) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda arm: (-round(parts[arm] - counts[arm], 6), arm))
    for arm in by_remainder[: whole - sum(counts)]:
        counts[arm] += 1
    if floor <= 0:
        return tuple(counts)
    if len(counts) > whole:
        raise ValueError(f"{len(counts)} arms cannot have a part of {whole} each")
    for arm in [arm for arm, count in enumerate(counts) if not count]:
        counts[counts.index(max(counts))] -= 1
        counts[arm] = 1
    return tuple(counts)


def _highest_rate(rate: float, most: float) -> float:
    """The highest q with KL(rate || q) <= most, by bisection."""
    low, high = rate, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _divergence(rate, middle) <= most:
            low = middle
        else:
            high = middle
    return low


def _divergence(rate: float, other: float) -> float:
    if other >= 1:
        return 0.0 if rate >= 1 else math.inf
    hit = rate * math.log(rate / other) if rate else 0.0
    return hit + ((1 - rate) * math.log((1 - rate) / (1 - other)) if rate < 1 else 0.0)


def _to_the_highest(values: Sequence[float]) -> tuple[float, ...]:
    highest = max(values)
    return _normal([float(value == highest) for value in values])


def _normal(weights: Sequence[float]) -> tuple[float, ...]:
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def _between(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)
