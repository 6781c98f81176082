"""Shares of the arms: what each policy gives, and that bounds and rounding keep the sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlship.stats.allocation import (
    bounded,
    epsilon_greedy,
    kl_ucb,
    probability_matching,
    rounded,
    sharpening,
    thompson,
)
from mlship.stats.posterior import BetaPosterior, best_probabilities

ARMS = [BetaPosterior(successes=s, failures=f) for s, f in ((50, 950), (60, 940), (70, 930))]
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_sharpening_grows_to_its_cap() -> None:
    """From 1 at the start to 1 + ln T with one request left, and no further at the horizon or beyond it."""
    found = [sharpening(spent, 1000) for spent in (0, 500, 900, 999, 1000, 5000)]
    assert found == pytest.approx([1, 1 + math.log(2), 1 + math.log(10)] + [1 + math.log(1000)] * 3)
    assert [sharpening(spent, horizon) for spent, horizon in ((0, 0), (7, 0), (0, 1), (-5, 100))] == [1, 1, 1, 1]


def test_matching_is_probability_to_a_power() -> None:
    """With exponent 1 the shares are the probabilities; a higher one favours the leader, a huge one takes all."""
    chances = best_probabilities(ARMS)
    assert probability_matching(ARMS) == pytest.approx(chances)
    squared = [chance**2 for chance in chances]
    assert probability_matching(ARMS, 2.0) == pytest.approx([part / sum(squared) for part in squared])
    assert probability_matching(ARMS, 1e4) == pytest.approx((0, 0, 1))


def test_matching_gives_hopeless_arms_nothing() -> None:
    """An arm whose probability underflows gets 0, not an error."""
    far = [BetaPosterior(successes=10**6, failures=0), BetaPosterior(successes=0, failures=10**6)]
    assert probability_matching(far, 3.0) == (1, 0)


def test_thompson_is_matching_with_noise() -> None:
    """The same seed gives the same shares, and many draws give the probabilities."""
    one, same, other = (thompson(ARMS, np.random.default_rng(seed), 2000) for seed in (1, 1, 2))
    assert one == same != other
    assert thompson(ARMS, np.random.default_rng(3), 50_000) == pytest.approx(best_probabilities(ARMS), abs=0.01)


def test_kl_ucb_tries_every_arm_first() -> None:
    """Arms without requests share all of the traffic, then the one of the highest index gets it."""
    assert kl_ucb([(5, 10), (0, 0), (0, 0)]) == (0, 0.5, 0.5)
    assert kl_ucb([(10, 10), (0, 0)], horizon=1000) == (0, 1)
    assert kl_ucb([(5, 100), (5, 100)]) == (0.5, 0.5)
    assert kl_ucb([(0.2, 0.4), (0.3, 0.4)]) == (0, 1)


@pytest.mark.parametrize(("counts", "horizon"), [([(60, 1000), (1, 40)], None), ([(500, 1000), (5, 12)], 2000)])
def test_kl_ucb_by_brute_force(counts: list[tuple[float, float]], horizon: float | None) -> None:
    """The arm chosen is that of the highest rate on a fine grid that its counts do not speak against."""
    rates = np.linspace(1e-6, 1 - 1e-6, 400_001)
    indices = []
    for hits, every in counts:
        rate = hits / every
        divergence = rate * np.log(rate / rates) + (1 - rate) * np.log((1 - rate) / (1 - rates))
        reach = sum(n for _, n in counts) if horizon is None else horizon / len(counts) / every
        indices.append(rates[every * divergence <= max(0.0, math.log(reach)) + 1e-9].max())
    assert kl_ucb(counts, horizon).index(1) == int(np.argmax(indices))
    assert indices[1] > indices[0], "the arm that is less known"


def test_kl_ucb_stops_exploring_towards_the_horizon() -> None:
    """An arm with its part of all the requests is no longer given the benefit of the doubt."""
    counts = [(60, 1000), (50, 1000)]
    assert kl_ucb(counts, horizon=1000) == (1, 0)
    assert kl_ucb([(60, 3000), (25, 1000)]) == (0, 1)
    assert kl_ucb([(75, 3000), (24, 1000)], horizon=2000) == (1, 0)


@pytest.mark.parametrize("counts", [[(3, 3), (0, 3)], [(1 - 1e-15, 1.0), (0.5, 1.0)], [(10**9, 10**9), (1, 10**9)]])
def test_kl_ucb_at_the_ends(counts: list[tuple[float, float]]) -> None:
    """Rates of 0 and of 1 have an index."""
    assert kl_ucb(counts) == (1, 0)


def test_epsilon_greedy() -> None:
    """Epsilon is for all, the rest for the best, and for the best together where they tie."""
    assert epsilon_greedy([0.1, 0.3, 0.2], 0.3) == pytest.approx((0.1, 0.8, 0.1))
    assert epsilon_greedy([0.3, 0.3], 0.1) == pytest.approx((0.5, 0.5))
    assert epsilon_greedy([5.0], 0.1) == pytest.approx((1,))


@given(shares=SHARES, floor=st.floats(0, 0.2), ceiling=st.floats(0.05, 1))
def test_bounds_are_kept(shares: list[float], floor: float, ceiling: float) -> None:
    """Every share is within its bounds, they sum to 1, and none overtakes a larger one."""
    assume(sum(shares) > 0 and floor <= ceiling and floor * len(shares) <= 1 <= ceiling * len(shares))
    whole = sum(shares)
    found = bounded([share / whole for share in shares], floor, ceiling)
    assert math.fsum(found) == pytest.approx(1, abs=1e-9)
    assert all(floor - 1e-9 <= share <= ceiling + 1e-9 for share in found)
    for one, mine in zip(shares, found, strict=True):
        assert all(mine <= his + 1e-9 for other, his in zip(shares, found, strict=True) if one < other)


def test_what_is_between_the_bounds_is_scaled() -> None:
    """Shares within the bounds stay; else those between them keep their proportions."""
    assert bounded((0.2, 0.3, 0.5), 0.01, 0.9) == pytest.approx((0.2, 0.3, 0.5))
    assert bounded((0.001, 0.333, 0.666), 0.1, 0.9) == pytest.approx((0.1, 0.3, 0.6))
    assert bounded((0.98, 0.01, 0.01), 0.05, 0.8) == pytest.approx((0.8, 0.1, 0.1))
    assert bounded((0.97, 0.02, 0.01), 0.0, 0.7) == pytest.approx((0.7, 0.2, 0.1))


def test_arms_without_a_share_get_what_is_left() -> None:
    """Where the others are at the ceiling, arms of share 0 share the rest; else they get the floor."""
    assert bounded((1, 0, 0), 0.0, 0.5) == pytest.approx((0.5, 0.25, 0.25))
    assert bounded((0.5, 0.5, 0), 0.1, 0.9) == pytest.approx((0.45, 0.45, 0.1))
    assert bounded((1, 0), 0.0, 1.0) == (1, 0)
    assert bounded((1.0, 1e-320), 0.01, 0.99) == pytest.approx((0.99, 0.01))


@pytest.mark.parametrize(
    ("arms", "floor", "ceiling"), [(3, 0.4, 1.0), (3, 0.0, 0.3), (2, 0.3, 0.2), (2, -0.1, 1), (1, 0, 0.9), (0, 0, 1)]
)
def test_bounds_that_nothing_meets(arms: int, floor: float, ceiling: float) -> None:
    """Floors that sum to more than 1, and ceilings that sum to less, are refused."""
    with pytest.raises(ValueError, match="cannot sum to 1"):
        bounded([1 / arms] * arms if arms else [], floor, ceiling)


@pytest.mark.parametrize(("arms", "bound"), [(3, 1 / 3), (10, 0.1), (7, 1 / 7)])
def test_bounds_that_leave_no_choice(arms: int, bound: float) -> None:
    """Floors, or ceilings, that sum to 1 but for rounding give equal shares."""
    skewed = [(arm + 1) / (arms * (arms + 1) / 2) for arm in range(arms)]
    assert bounded(skewed, bound, 1.0) == pytest.approx([bound] * arms)
    assert bounded(skewed, 0.0, bound) == pytest.approx([bound] * arms)


@given(shares=SHARES, whole=st.sampled_from([8, 100, 256, 10_000]), floor=st.sampled_from([0.0, 0.01]))
def test_rounding_keeps_the_sum(shares: list[float], whole: int, floor: float) -> None:
    """Whole numbers sum to the whole, each within 1 of its part; with a floor none is 0."""
    assume(sum(shares) > 1e-3)
    found = rounded(shares, whole, floor=floor)
    assert sum(found) == whole
    assert floor == 0 or min(found) > 0
    if floor == 0:
        parts = [share / sum(shares) * whole for share in shares]
        assert all(abs(part - count) < 1 + 1e-6 for part, count in zip(parts, found, strict=True))


def test_equal_remainders_go_to_the_first() -> None:
    """Ties are broken by the order of the arms, whatever rounding did to the shares."""
    assert rounded([1 / 3] * 3, 100) == (34, 33, 33)
    assert rounded((0.1 + 0.2, 0.3, 0.4)) == (3000, 3000, 4000)
    assert rounded((0.125, 0.125, 0.75), 4) == (1, 0, 3)


def test_no_arm_with_a_floor_is_rounded_away() -> None:
    """The largest gives to those that would get nothing; where the whole is too small for all, that is an error."""
    assert rounded((0.004, 0.006, 0.99), 100) == (0, 1, 99)
    assert rounded((0.004, 0.006, 0.99), 100, floor=0.004) == (1, 1, 98)
    assert rounded((0.999, 0.001, 0.0), 100, floor=0.01) == (98, 1, 1)
    with pytest.raises(ValueError, match="5 arms"):
        rounded([0.2] * 5, 4, floor=0.1)
