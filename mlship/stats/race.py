"""Which of several arms is the best, proven pair by pair while a policy moves the traffic between them.

What is claimed. Let b be a best arm: at every look its odds (its mean) are at least those of every other arm. For each
ordered pair (a, c) there is an e-process against "a is not better than c by the margin", at alpha / K for K arms.
Each is valid at every look and whatever the shares are, as long as these are fixed before the look.

- `winner` is an arm that beats every other one. That it is *falsely* so has probability at most alpha, over all looks
  together: a false winner other than b has beaten b, and b itself is one only if it has beaten a particular arm that
  comes within the margin of it. These are (K - 1) + 1 events of probability at most alpha / K. Equal arms are included.
- `beaten` are the arms that some other one beats. That b is ever among them has probability below alpha, the union of
  K - 1 such events: so drop what is beaten, and with probability 1 - alpha a best arm is left. It does not claim that
  each pair is ordered rightly, nor of several equally good arms that all are left.

Neither holds for arms that are best in turns, nor among those `winner_among` names if they were chosen by the goal.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import permutations
from typing import Protocol

from mlship.stats.means import MeansTest, Sums
from mlship.stats.ratio import RatioTest


class Evidence(Protocol):
    """An e-process that one arm is better than another."""

    @property
    def log_e(self) -> float:
        """Its logarithm."""
        ...

    @property
    def fired(self) -> bool:
        """It has reached its limit at some look."""
        ...


class Standings:
    """Who beats whom; arms are numbered from 0."""

    def __init__(self, *, arms: int, alpha: float, tests: Mapping[tuple[int, int], Evidence]) -> None:
        self._arms = range(arms)
        self._evidence = tests
        self.limit = math.log(arms / alpha)
        """Where `log_e` proves that one arm is better than another."""

    def log_e(self, one: int, other: int) -> float:
        """Logarithm of the evidence that the one is better than the other."""
        return self._evidence[one, other].log_e

    def beats(self, one: int, other: int) -> bool:
        """It is proven that the one is better than the other."""
        return self._evidence[one, other].fired

    @property
    def winner(self) -> int | None:
        """The arm that beats every other; None while there is none."""
        return self.winner_among(self._arms)

    def winner_among(self, arms: Collection[int]) -> int | None:
        """As if there were only these: where arms have been taken out for other reasons than the goal."""
        return next((arm for arm in arms if all(self.beats(arm, other) for other in arms if other != arm)), None)

    @property
    def beaten(self) -> frozenset[int]:
        """The arms that some other one beats."""
        return frozenset(other for one, other in self._evidence if self.beats(one, other))


class Race(Standings):
    """Among arms with success rates: a pair is compared by the odds of a success, exactly at every look.

    One arm beats another by evidence that the ratio of the odds exceeds `margin`, at least 1.
    """

    def __init__(self, *, arms: int, alpha: float, margin: float = 1.0) -> None:
        self._tests = {pair: RatioTest(alpha=alpha / arms, margin=margin) for pair in permutations(range(arms), 2)}
        super().__init__(arms=arms, alpha=alpha, tests=self._tests)

    def absorb(self, look: Sequence[tuple[int, int]]) -> None:
        """(successes, all) of each arm; an arm without requests is compared with nobody."""
        for (one, other), test in self._tests.items():
            test.absorb(candidate=look[one], live=look[other])


class MeansRace(Standings):
    """Among arms with numeric outcomes, more being better: in the normal limit, as `MeansTest`.

    One arm beats another by evidence that its mean exceeds the other's by more than `margin`, at least 0.
    """

    def __init__(self, *, arms: int, alpha: float, margin: float = 0.0) -> None:
        self._tests = {pair: MeansTest(alpha=alpha / arms, margin=margin) for pair in permutations(range(arms), 2)}
        super().__init__(arms=arms, alpha=alpha, tests=self._tests)

    def absorb(self, look: Sequence[Sums]) -> None:
        """The outcomes of each arm."""
        for (one, other), test in self._tests.items():
            test.absorb(candidate=look[one], live=look[other])
