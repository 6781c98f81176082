"""When answers fit weights."""

from __future__ import annotations

from math import comb

import pytest

from mlship.drivers.balancer.rest.probe import FOUR_SIGMA, deviation, likely


def test_likely_is_the_binomial_law() -> None:
    """Both tails, by enumeration with whole numbers."""
    trials, share = 40, 0.25
    mass = [comb(trials, count) * share**count * (1 - share) ** (trials - count) for count in range(trials + 1)]
    for count in range(trials + 1):
        tail = min(sum(mass[: count + 1]), sum(mass[count:]))
        assert likely(count, trials, share) == (tail >= FOUR_SIGMA)


@pytest.mark.parametrize(("count", "share", "fits"), [(0, 0.0, True), (1, 0.0, False), (9, 1.0, True), (8, 1.0, False)])
def test_nothing_and_all_are_exact(count: int, share: float, fits: bool) -> None:  # noqa: FBT001
    """One request of nine to a model without a share is one too many."""
    assert likely(count, 9, share) == fits


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"v1": 360, "v2": 40}, ""),
        ({"v1": 358, "v2": 38, "": 4}, ""),
        ({"v1": 200, "v2": 200}, "of 400 requests were answered by v1 200, v2 200"),
        ({"v1": 400}, "of 400 requests were answered by v1 400, v2 0"),
        ({"v1": 355, "v2": 40, "": 5}, "of 400 requests were answered by v1 355, v2 40, nobody 5"),
    ],
)
def test_answers_and_weights(counts: dict[str, int], words: str) -> None:
    """A few errors of a model are no deviation; what differs is told in counts."""
    assert deviation(counts, {"v1": 9, "v2": 1}) == words
