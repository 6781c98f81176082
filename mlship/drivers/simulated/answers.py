"""What two models answered to the same requests, and what turns out to be right, in a made-up world of two classes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import SupportsInt

from mlship.drivers.simulated.draws import Rng
from mlship.drivers.simulated.spec import Labels, Spread
from mlship.metrics.answers import Cell, Pairs

MOMENTS = 8
"""Moments at which the labels of one look's pairs come: quantiles of their delay, equally likely."""

Four = tuple[int, int, int, int]
"""Pairs in which both are right, only live is, only the challenger is, neither is."""

_NONE: Four = (0, 0, 0, 0)


def chances(accuracies: tuple[float, float], alike: float) -> tuple[float, float, float, float]:
    """Probabilities of `Four`, for the accuracies of live and the challenger: between independence and full overlap."""
    ours, theirs = accuracies
    both = alike * min(accuracies) + (1 - alike) * ours * theirs
    return both, ours - both, theirs - both, max(0.0, 1 - ours - theirs + both)


class Deck:
    """The pairs of one challenger that nobody has settled yet, and the labels that are still to come."""

    def __init__(self, labels: Labels, accuracies: tuple[float, float]) -> None:
        self._labels = labels
        self._chances = chances(accuracies, labels.alike)
        self._pairs = self._agreed = self._unpaired = 0
        self._known: Four = _NONE
        self._coming: list[tuple[float, Four]] = []

    def deal(self, rng: Rng, paired: int, unpaired: int, at: float) -> None:
        """New pairs, answered at the moment `at`, and answers of live that have no partner."""
        four = _counts(rng.multinomial(paired, self._chances))
        self._pairs += paired
        self._unpaired += unpaired
        self._agreed += four[0] + four[3]
        labelled = _counts(rng.binomial(four, self._labels.share))
        for moment, part in _spread(rng, labelled, self._labels.delay):
            heapq.heappush(self._coming, (at + moment, part))

    def open(self, now: float) -> Pairs:
        """All that is not settled, with the labels that have come until `now`."""
        while self._coming and self._coming[0][0] <= now:
            self._known = _sum(self._known, heapq.heappop(self._coming)[1])
        return Pairs(
            pairs=self._pairs,
            agreed=self._agreed,
            unpaired=self._unpaired,
            labelled=sum(self._known),
            right=(self._known[1], self._known[2]),
            cells=tuple(cell for cell in _cells(self._known) if cell.count),
        )

    def settle(self) -> None:
        """What was opened is not new any more."""
        self._pairs = self._agreed = self._unpaired = 0
        self._known = _NONE


def _spread(rng: Rng, four: Four, delay: Spread) -> Sequence[tuple[float, Four]]:
    if not delay.median:
        return [(0.0, four)]
    moments = [delay.quantile((place + 0.5) / MOMENTS) for place in range(MOMENTS)]
    parts = [rng.multinomial(count, [1 / MOMENTS] * MOMENTS) for count in four]
    return [(moment, _counts([part[place] for part in parts])) for place, moment in enumerate(moments)]


def _cells(four: Four) -> Sequence[Cell]:
    """As many truths of either class; two that are wrong say the same."""
    says: Mapping[str, str] = {"0": "1", "1": "0"}
    cells = []
    for truth in says:
        parts = (count // 2 + (count % 2 if truth == "1" else 0) for count in four)
        for count, (ours, theirs) in zip(parts, ((1, 1), (1, 0), (0, 1), (0, 0)), strict=True):
            live, challenger = (truth if right else says[truth] for right in (ours, theirs))
            cells.append(Cell(truth=truth, live=live, challenger=challenger, count=count))
    return cells


def _counts(numbers: Iterable[SupportsInt]) -> Four:
    both, ours, theirs, neither = (int(number) for number in numbers)
    return both, ours, theirs, neither


def _sum(one: Four, other: Four) -> Four:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
