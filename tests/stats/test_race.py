"""Which arm is the best: evidence by enumeration, error rates while a policy moves the traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations, product

import numpy as np
import pytest

from mlship.stats.allocation import bounded, probability_matching, rounded
from mlship.stats.law import Floats
from mlship.stats.means import Sums
from mlship.stats.posterior import BetaPosterior, best_probabilities, normal_posteriors
from mlship.stats.race import MeansRace, Race

ALPHA = 0.05
BATCH = 500
Sizes = tuple[int, ...]
Drawer = Callable[[np.random.Generator, int], Sums]


def outcomes(sizes: Sizes, rate: float) -> list[tuple[Sizes, float]]:
    """All successes that a look may bring, with their probabilities."""
    found = []
    for hits in product(*(range(size + 1) for size in sizes)):
        masses = (math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for n, k in zip(sizes, hits, strict=True))
        found.append((hits, math.prod(masses)))
    return found


def following(sizes: Sizes, hits: Sizes) -> Sizes:
    """A policy as greedy as can be: the next look is for the arm that has done best, and one unit for the others."""
    rates = [hit / size for hit, size in zip(hits, sizes, strict=True)]
    return tuple(3 if arm == rates.index(max(rates)) else 1 for arm in range(len(sizes)))


def test_equal_arms_expect_no_evidence() -> None:
    """Over all outcomes of two looks, the second dealt by the first, each pair's evidence is 1 on average."""
    first = (2, 1, 2)
    expected = dict.fromkeys(permutations(range(3), 2), 0.0)
    for hits, mass in outcomes(first, 0.3):
        sizes = following(first, hits)
        for more, second in outcomes(sizes, 0.3):
            race = Race(arms=3, alpha=ALPHA)
            for won, every in ((hits, first), (more, sizes)):
                race.absorb(list(zip(won, every, strict=True)))
            for pair in expected:
                expected[pair] += mass * second * math.exp(race.log_e(*pair))
    assert list(expected.values()) == pytest.approx([1.0] * 6, abs=1e-9)


def test_no_winner_without_evidence() -> None:
    """A leader that beats one arm and not the other is no winner; the one that it beats is beaten."""
    race = Race(arms=3, alpha=ALPHA)
    for _ in range(10):
        race.absorb([(60, 100), (58, 100), (20, 100)])
    assert (race.winner, sorted(race.beaten)) == (None, [2])
    assert (race.beats(0, 2), race.beats(2, 0), race.beats(0, 1)) == (True, False, False)
    assert race.log_e(0, 2) == pytest.approx(race.limit)
    assert race.winner_among([0, 2]) == 0
    assert race.winner_among([0, 1]) is None


def test_an_arm_without_traffic() -> None:
    """An arm that gets no requests neither loses nor lets another win, until it is taken out."""
    race = Race(arms=3, alpha=ALPHA)
    for _ in range(20):
        race.absorb([(60, 100), (20, 100), (0, 0)])
    assert (race.winner, sorted(race.beaten), race.log_e(0, 2)) == (None, [1], 0.0)
    assert race.winner_among({0, 1}) == 0


def test_evidence_is_that_of_the_limit() -> None:
    """Each pair answers to alpha over the number of arms; a margin is what the winner must exceed."""
    race, strict = Race(arms=4, alpha=ALPHA), Race(arms=4, alpha=ALPHA, margin=2.0)
    assert race.limit == pytest.approx(math.log(80))
    for _ in range(200):
        for each in (race, strict):
            each.absorb([(30, 200), (20, 200), (20, 200), (20, 200)])
    assert (race.winner, strict.winner, sorted(strict.beaten)) == (0, None, [])


def bandit(rng: np.random.Generator, rates: Sequence[float], *, looks: int, floor: float) -> Race:
    """Probability matching in batches, the race being told each of them."""
    race, arms = Race(arms=len(rates), alpha=ALPHA), len(rates)
    total, shares = np.zeros((arms, 2)), (1 / arms,) * arms
    for _ in range(looks):
        every = rng.multinomial(BATCH, shares)
        hits = rng.binomial(every, rates)
        race.absorb(list(zip(hits.tolist(), every.tolist(), strict=True)))
        total += np.stack((hits, every - hits), axis=1)
        beliefs = [BetaPosterior(successes=won, failures=lost) for won, lost in total.tolist()]
        shares = tuple(
            part / 10_000 for part in rounded(bounded(probability_matching(beliefs), floor, 1.0), floor=floor)
        )
    return race


@pytest.mark.parametrize(("arms", "floor"), [(2, 0.01), (3, 0.1)])
def test_equal_arms_have_no_winner(arms: int, floor: float) -> None:
    """While the traffic follows what happens to convert, a winner among equal arms is declared with at most alpha."""
    rng, runs = np.random.default_rng(81), 70
    winners = sum(bandit(rng, (0.05,) * arms, looks=25, floor=floor).winner is not None for _ in range(runs))
    assert winners / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_a_believed_winner_is_no_proven_one() -> None:
    """Where P(best) passes 95 % for most pairs of equal arms at some time, evidence hardly ever does."""
    rng, believed, proven, runs = np.random.default_rng(82), 0, 0, 50
    for _ in range(runs):
        race, total, sure = Race(arms=2, alpha=ALPHA), np.zeros(2), False
        for look in range(1, 41):
            hits = rng.binomial(BATCH // 2, 0.05, 2)
            race.absorb([(hit, BATCH // 2) for hit in hits.tolist()])
            total += hits
            every = look * BATCH / 2
            chances = best_probabilities([BetaPosterior(successes=won, failures=every - won) for won in total.tolist()])
            sure = sure or max(chances) > 0.95
        believed += sure
        proven += race.winner is not None
    assert believed / runs > 0.3
    assert proven / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize("floor", [0.1, 0.3])
def test_the_best_arm_wins(floor: float) -> None:
    """With a floor of 10 % for each, an arm that converts 10 % beside 6 and 7 % is proven the best nearly always."""
    rng, runs = np.random.default_rng(83), 12
    won = [bandit(rng, (0.06, 0.10, 0.07), looks=80, floor=floor).winner for _ in range(runs)]
    assert set(won) <= {1, None}
    assert won.count(1) >= 10


DRAWERS: dict[str, Drawer] = {
    "normal": lambda rng, n: summed(rng.standard_normal(n)),
    "exponential": lambda rng, n: summed(rng.exponential(size=n)),
}


def summed(values: Floats) -> Sums:
    return Sums(count=len(values), sum=float(values.sum()), square=float(values @ values))


@pytest.mark.parametrize("name", DRAWERS)
def test_equal_means_have_no_winner(name: str) -> None:
    """The same for numeric outcomes, whose weights follow the posteriors of their means."""
    rng, runs, winners = np.random.default_rng(84), 100, 0
    for _ in range(runs):
        race, arms = MeansRace(arms=3, alpha=ALPHA), [Sums()] * 3
        shares: tuple[float, ...] = (1 / 3,) * 3
        for _ in range(25):
            look = [DRAWERS[name](rng, size) for size in rng.multinomial(200, shares).tolist()]
            race.absorb(look)
            arms = [before + new for before, new in zip(arms, look, strict=True)]
            beliefs = normal_posteriors([(arm.count, arm.sum, arm.square) for arm in arms])
            shares = bounded(probability_matching(beliefs), 0.1, 0.8)
        winners += race.winner is not None
    assert winners / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_the_highest_mean_wins() -> None:
    """Three arms of which one's mean is a third of a deviation higher; a margin of more than that is not met."""
    rng = np.random.default_rng(85)
    race, strict = MeansRace(arms=3, alpha=ALPHA), MeansRace(arms=3, alpha=ALPHA, margin=0.5)
    for _ in range(40):
        look = [summed(rng.standard_normal(30) + mean) for mean in (0, 0.35, 0)]
        race.absorb(look)
        strict.absorb(look)
    assert (race.winner, sorted(race.beaten), strict.winner) == (1, [0, 2], None)
