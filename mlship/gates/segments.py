"""One account for all pairs, or one for each segment of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from mlship.metrics.answers import Answers, Pairs
from mlship.plan.verdict import Evidence, Outcome

EACH = "each"
SMALL = 0.01
"""Part of all pairs under which a segment holds nobody up."""


class Account(Protocol):
    """What is kept of one segment."""

    def absorb(self, pairs: Pairs) -> None:
        """What is new since the look before."""
        ...

    @property
    def missing(self) -> str:
        """What it takes before there is a verdict, in words; empty: nothing."""
        ...

    @property
    def e_value(self) -> float:
        """Evidence against the challenger; 0 where none is kept."""
        ...

    @property
    def evidence(self) -> Evidence:
        """The numbers behind the verdict."""
        ...

    def found(self) -> tuple[Outcome, str]:
        """What the numbers say, while the panel has made no case of them."""
        ...

    def told(self) -> str:
        """The numbers that make the case against the challenger."""
        ...


class Segments:
    """Accounts by segment, in the order in which segments have appeared.

    What is held against the challenger is their weighted mean. The k-th has the weight 1 / (k (k + 1)), fixed before it
    says anything, and those to come count as 1: evidence still, however many segments there turn out to be.
    """

    def __init__(self, segment: str | None, make: Callable[[float], Account]) -> None:
        self._segment = segment
        self._make = make
        self._accounts: dict[str, Account] = {}
        self._pairs: dict[str, int] = {}

    def absorb(self, answers: Answers) -> None:
        """One look, segment by segment."""
        for name, pairs in sorted(self._chosen(answers).items()):
            if name not in self._accounts:
                self._accounts[name] = self._make(self._weight(len(self._accounts) + 1))
                self._pairs[name] = 0
            self._accounts[name].absorb(pairs)
            self._pairs[name] += pairs.pairs

    @property
    def e_value(self) -> float:
        """Evidence against the challenger, over all segments."""
        weights = [self._weight(place) for place in range(1, len(self._accounts) + 1)]
        seen = sum(weight * each.e_value for weight, each in zip(weights, self._accounts.values(), strict=True))
        return seen + 1 - sum(weights)

    @property
    def worst(self) -> tuple[str, Account] | None:
        """The segment with most evidence against the challenger, and its account; None before the first pair."""
        return max(self._accounts.items(), key=lambda item: item[1].e_value, default=None)

    def __iter__(self) -> Iterator[tuple[str, Account]]:
        """Those that are judged: all but the small ones that have too few pairs for a verdict."""
        every = sum(self._pairs.values())
        for name, account in self._accounts.items():
            if not account.missing or self._pairs[name] >= SMALL * every:
                yield name, account

    @property
    def passed_over(self) -> int:
        """Segments that are too small to be judged."""
        return len(self._accounts) - sum(1 for _ in self)

    def _chosen(self, answers: Answers) -> Mapping[str, Pairs]:
        wanted = self._segment
        if wanted is None:
            return {"": answers.total}
        if wanted == EACH:
            return answers.segments
        return {name: pairs for name, pairs in answers.segments.items() if wanted in {name, name.split("=", 1)[0]}}

    def _weight(self, place: int) -> float:
        alone = self._segment is None or "=" in self._segment
        return 1.0 if alone else 1 / (place * (place + 1))
