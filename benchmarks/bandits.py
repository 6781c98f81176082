"""Bandits over 100 000 requests: what is lost to worse arms, and how often a winner is declared that is none.

Every policy meets the same users: the n-th request of an arm has the same outcome whoever sends it there. Weights are
set anew every 500 requests and no arm gets less than 1 %, as in the product's defaults. Regret is in successes lost,
expected from the shares of each arm. MABWiser's Thompson sampling decides request by request from what its last batch
taught it; where it is not installed its column stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from alarms import divergence
from rivals import ALPHA, Counts
from rollouts import seeded
from table import Effort, Row, share_error

from mlship.stats.allocation import bounded, probability_matching, sharpening
from mlship.stats.posterior import BetaPosterior, best_probabilities
from mlship.stats.race import Race

HORIZON = 100_000
BATCH = 500
FLOOR = 0.01
SURE = 0.95
"""The chance of being best at which other tools declare a winner."""

ARMS: tuple[tuple[float, ...], ...] = (
    (0.05, 0.06), (0.10, 0.11, 0.12), (0.05, 0.05, 0.05, 0.05, 0.06), (0.10, 0.11), (0.10, 0.11, 0.12, 0.13, 0.14),
)  # fmt: skip
COMPARED = 3
"""So many of them with MABWiser, which takes its time."""

EQUAL = ((0.05, 0.05), (0.05, 0.05, 0.05))
FLOORS = (0.01, 0.2)


class Users:
    """What comes of each arm's n-th request."""

    def __init__(self, rng: np.random.Generator, rates: Sequence[float]) -> None:
        drawn = rng.random((HORIZON, len(rates))) < rates
        self._successes = np.vstack([np.zeros(len(rates), int), np.cumsum(drawn, axis=0)])
        self._arms = np.arange(len(rates))
        self.asked = np.zeros(len(rates), int)

    @property
    def successes(self) -> Counts:
        """So far, arm by arm."""
        counted: Counts = self._successes[self.asked, self._arms]
        return counted

    def ask(self, batch: Counts) -> Counts:
        """Send so many requests to each arm; their successes."""
        before = self.successes
        self.asked = self.asked + batch
        return self.successes - before


class Policy(Protocol):
    """Divides a batch."""

    def divide(self, users: Users, /) -> Counts:
        """How many requests each arm gets."""
        ...

    def learn(self, batch: Counts, successes: Counts) -> None:
        """What came of them."""
        ...


class Matching:
    """The product's default."""

    def __init__(self, rng: np.random.Generator, arms: int, *, floor: float = FLOOR, sharp: bool = True) -> None:
        self._rng, self._floor, self._sharp = rng, floor, sharp
        self._shares: tuple[float, ...] = (1 / arms,) * arms

    def divide(self, users: Users) -> Counts:
        """As the router does: each request by chance."""
        spent = int(users.asked.sum())
        if spent:
            exponent = sharpening(spent, HORIZON) if self._sharp else 1.0
            self._shares = bounded(probability_matching(posteriors(users), exponent), self._floor, 1.0)
        return self._rng.multinomial(BATCH, self._shares)

    def learn(self, batch: Counts, successes: Counts) -> None:
        """Users count for it."""


class MabWiser:
    """Its Thompson sampling; the floor is taken off the batch first."""

    def __init__(self, seed: int, arms: int) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        self._arms = arms
        self._mab = MAB(list(range(arms)), LearningPolicy.ThompsonSampling(), seed=seed)
        self._mab.fit([*range(arms)] * 2, [0] * arms + [1] * arms)

    def divide(self, _: Users) -> Counts:
        """Request by request."""
        least = int(BATCH * FLOOR)
        chosen = [self._mab.predict() for _ in range(BATCH - least * self._arms)]
        return np.bincount(chosen, minlength=self._arms) + least

    def learn(self, batch: Counts, successes: Counts) -> None:
        """The batch's decisions and rewards."""
        decisions = np.repeat(np.arange(self._arms), batch)
        rewards = np.concatenate([np.arange(every) < good for every, good in zip(batch, successes, strict=True)])
        self._mab.partial_fit(decisions, rewards.astype(int))


def posteriors(users: Users) -> list[BetaPosterior]:
    """Belief per arm."""
    counted = zip(users.successes.tolist(), users.asked.tolist(), strict=True)
    return [BetaPosterior(successes=good, failures=every - good) for good, every in counted]


def regret(users: Users, rates: Sequence[float], policy: Policy) -> float:
    """Successes that the best arm would have had beyond those of the policy, on average over the outcomes."""
    for _ in range(HORIZON // BATCH):
        batch = policy.divide(users)
        policy.learn(batch, users.ask(batch))
    lost = max(rates) - np.array(rates)
    return float((lost * users.asked).sum())


def lai_robbins(rates: Sequence[float]) -> float:
    """The regret that any good policy comes to in the long run (Lai, Robbins 1985)."""
    best = max(rates)
    return math.log(HORIZON) * sum((best - rate) / divergence(rate, best) for rate in rates if rate < best)


def regrets(effort: Effort) -> list[Row]:
    """Against MABWiser, and against the asymptote."""
    runs, environments = effort.runs(4, 200), effort.runs(COMPARED, len(ARMS))
    ours = [_regrets(rates, runs, Matching) for rates in ARMS[:environments]]
    asymptote = [float(np.mean(found)) / lai_robbins(rates) for rates, found in zip(ARMS, ours, strict=False)]
    rows = [
        Row(
            name="bandit regret over Lai and Robbins' asymptote, worst",
            value=max(asymptote),
            target=0.4,
            allowed=effort.chance(0.05),
        )
    ]
    if find_spec("mabwiser") is None:
        return rows
    theirs = [
        _regrets(rates, effort.runs(2, 50), lambda rng, arms: MabWiser(int(rng.integers(2**31)), arms))
        for rates in ARMS[:COMPARED]
    ]
    ratios = [np.mean(mine) / np.mean(other) for mine, other in zip(ours, theirs, strict=False)]
    errors = [
        _relative_error(mine) ** 2 + _relative_error(other) ** 2 for mine, other in zip(ours, theirs, strict=False)
    ]
    value = math.exp(float(np.mean(np.log(ratios))))
    error = value * math.sqrt(sum(errors)) / len(errors)
    return [
        Row(
            name="bandit regret, geometric mean of 3, over MABWiser's",
            value=value,
            error=error,
            target=0.82,
            allowed=effort.chance(error),
            peers={"Thompson": "1"},
        ),
        *rows,
    ]


def _regrets(rates: Sequence[float], runs: int, policy: Callable[[np.random.Generator, int], Policy]) -> list[float]:
    return [regret(Users(rng, rates), rates, policy(rng, len(rates))) for rng in seeded(53, runs)]


def _relative_error(found: Sequence[float]) -> float:
    return float(np.std(found, ddof=1) / np.mean(found) / math.sqrt(len(found)))


def winners(effort: Effort) -> list[Row]:
    """Equal arms: a winner is declared by the product's race, and by the chance of being best."""
    runs = effort.runs(8, 200)
    cells = [(rates, floor) for rates in EQUAL for floor in FLOORS]
    found = [[declared(rng, rates, floor) for rng in seeded(59, runs)] for rates, floor in cells]
    ours, theirs = (max(float(np.mean([run[place] for run in cell])) for cell in found) for place in (0, 1))
    return [
        Row(
            name="false winner among equal arms, worst of 4 cells",
            value=ours,
            error=share_error(ours, runs),
            target=ALPHA,
            allowed=effort.chance(share_error(ALPHA, runs)),
            peers={"Thompson": f"{theirs:.3f}"},
        )
    ]


def declared(rng: np.random.Generator, rates: Sequence[float], floor: float) -> tuple[bool, bool]:
    """(by the race, by a chance of 95 % of being the best)."""
    users, race, sure = Users(rng, rates), Race(arms=len(rates), alpha=ALPHA), False
    policy = Matching(rng, len(rates), floor=floor, sharp=False)
    for _ in range(HORIZON // BATCH):
        batch = policy.divide(users)
        race.absorb(list(zip(users.ask(batch).tolist(), batch.tolist(), strict=True)))
        sure = sure or max(best_probabilities(posteriors(users))) > SURE
    return race.winner is not None, sure
