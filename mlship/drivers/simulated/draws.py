"""Chance: whole counts of many requests at once, never one request after the other."""

from __future__ import annotations

import numpy as np

from mlship.drivers.simulated.spec import Latency, Users
from mlship.metrics.counters import LATENCY_EDGES
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Kind

Rng = np.random.Generator
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


def buckets(latency: Latency) -> Floats:
    """Share of the answers in each latency bucket."""
    below = [0.0, *map(latency.within, LATENCY_EDGES), 1.0]
    shares = np.diff(np.array(below))
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def requests(rng: Rng, expected: float, users: Users) -> int:
    """Requests that come: a Poisson number of users, each with one and a Poisson number of further ones."""
    if users.requests == 1:
        return int(rng.poisson(expected))
    arrived = int(rng.poisson(expected / users.requests))
    return arrived + int(rng.poisson(arrived * (users.requests - 1)))


def errors(rng: Rng, number: int, share: float, users: Users) -> int:
    """Errors among `number` requests; those of users whose requests end alike come all together."""
    if not number or not share:
        return 0
    together = int(rng.binomial(number, users.alike)) if users.alike and users.requests > 1 else 0
    alone = int(rng.binomial(number - together, share))
    if not together:
        return alone
    clumps = int(rng.binomial(max(1, round(together / users.requests)), share))
    return alone + min(together, clumps + int(rng.poisson(clumps * (users.requests - 1))))


def outcomes(rng: Rng, units: int, share: float, reported: float) -> Reward:
    """Of units that each succeed with probability `share`, which is told in time with probability `reported`."""
    had = int(rng.binomial(units, share * reported)) if units else 0
    return Reward(units=units, sum=had, square=had, reported=had)


def values(rng: Rng, units: int, law: tuple[float, float], reported: float) -> Reward:
    """Of units with normal values of that mean and standard deviation; what is not told in time counts as 0."""
    mean, deviation = law
    told = int(rng.binomial(units, reported)) if units else 0
    if not told:
        return Reward(units=units)
    total = float(rng.normal(told * mean, deviation * told**0.5))
    # The sum of squares about the mean of a normal sample is independent of it: deviation^2 times chi-squared.
    around = deviation**2 * float(rng.chisquare(told - 1)) if told > 1 else 0.0
    return Reward(units=units, sum=total, square=around + total**2 / told, reported=told)


def reward(rng: Rng, kind: Kind, units: int, *, law: tuple[float, float], reported: float) -> Reward:
    """Outcomes of one arm. `law` is (share, nothing) of a rate, else (mean, standard deviation)."""
    return outcomes(rng, units, law[0], reported) if kind is Kind.RATE else values(rng, units, law, reported)


def together(one: Reward, other: Reward) -> Reward:
    """The sum of two cohorts of an arm."""
    return Reward(
        units=one.units + other.units,
        sum=one.sum + other.sum,
        square=one.square + other.square,
        reported=one.reported + other.reported,
    )
