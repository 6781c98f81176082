"""How likely each arm is the best: beside exact rational integrals, a dense grid, and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from mlship.stats.law import Floats
from mlship.stats.posterior import (
    BetaPosterior,
    NormalPosterior,
    Posterior,
    best_probabilities,
    expected_losses,
    normal_posteriors,
)

Polynomial = list[Fraction]
Counts = Sequence[tuple[int, int]]

SMALL: list[Counts] = [
    [(0, 0), (0, 0)],
    [(1, 0), (0, 1)],
    [(3, 9), (5, 7)],
    [(0, 0), (2, 6), (7, 1)],
    [(4, 4), (4, 4), (4, 4), (5, 3)],
    [(0, 5), (0, 5), (3, 2), (1, 1), (0, 0)],
]
EXTREME: list[Counts] = [
    [(0, 0), (0, 10**6)],
    [(10**6, 0), (0, 10**6), (0, 0)],
    [(10**6, 10**6), (10**6, 10**6 + 3000), (0, 0)],
    [(10**9, 10**9), (10**9 + 40_000, 10**9)],
    [(0, 10**6), (0, 10**6 + 1000), (0, 2 * 10**6)],
]


def arms(counts: Counts) -> list[BetaPosterior]:
    return [BetaPosterior(successes=successes, failures=failures) for successes, failures in counts]


def times(one: Polynomial, other: Polynomial) -> Polynomial:
    product = [Fraction(0)] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            product[i + j] += a * b
    return product


def below(successes: int, failures: int) -> Polynomial:
    """Distribution function of Beta(1 + successes, 1 + failures): that of an order statistic of uniform draws."""
    draws, found = successes + failures + 1, [Fraction(0)]
    for k in range(successes + 1, draws + 1):
        term = [Fraction(0)] * k + [Fraction((-1) ** i * math.comb(draws - k, i)) for i in range(draws - k + 1)]
        scaled = [math.comb(draws, k) * part for part in term]
        length = max(len(found), len(scaled))
        found = [sum((p[i] for p in (found, scaled) if i < len(p)), Fraction(0)) for i in range(length)]
    return found


def integral(polynomial: Polynomial) -> Fraction:
    return sum((part / (power + 1) for power, part in enumerate(polynomial)), Fraction(0))


def density(polynomial: Polynomial) -> Polynomial:
    return [power * part for power, part in enumerate(polynomial)][1:]


@pytest.mark.parametrize("counts", SMALL)
def test_small_counts_are_exact(counts: Counts) -> None:
    """Probabilities are those of the exact integrals of polynomials, to half a thousandth."""
    found = best_probabilities(arms(counts))
    for arm, (successes, failures) in enumerate(counts):
        product = density(below(successes, failures))
        for other, each in enumerate(counts):
            product = times(product, below(*each)) if other != arm else product
        assert found[arm] == pytest.approx(float(integral(product)), abs=5e-4)


@pytest.mark.parametrize("counts", SMALL)
def test_small_losses_are_exact(counts: Counts) -> None:
    """The expected loss is the exact expectation of the highest rate less the mean of the arm."""
    product = [Fraction(1)]
    for each in counts:
        product = times(product, below(*each))
    highest = 1 - integral(product)
    found = expected_losses(arms(counts))
    assert found == pytest.approx([float(highest) - arm.mean for arm in arms(counts)], abs=5e-4)


def on_a_grid(counts: Counts, points: int = 100_001) -> list[float]:
    """Riemann sums over the rates, where no arm is narrower than the grid."""
    rates = (np.arange(points) + 0.5) / points
    masses = np.array([np.exp(s * np.log(rates) + f * np.log1p(-rates) - _peak(s, f)) for s, f in counts])
    masses /= masses.sum(axis=1, keepdims=True)
    under = masses.cumsum(axis=1) - masses / 2
    return [float((masses[arm] * np.delete(under, arm, axis=0).prod(axis=0)).sum()) for arm in range(len(counts))]


def _peak(successes: int, failures: int) -> float:
    every = successes + failures
    return sum(n * math.log(n / every) for n in (successes, failures) if n)


@pytest.mark.parametrize("seed", range(12))
def test_as_on_a_dense_grid(seed: int) -> None:
    """Up to eight arms, with ten or ten thousand requests each, are off by less than a thousandth."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.02, 0.6)
    sizes = (10 ** rng.uniform(0, 4.5, 2 + seed % 7)).astype(int)
    counts = [
        (hits, size - hits) for size, hits in zip(sizes.tolist(), rng.binomial(sizes, rate).tolist(), strict=True)
    ]
    found = best_probabilities(arms(counts))
    assert found == pytest.approx(on_a_grid(counts), abs=1e-3)
    assert math.fsum(found) == pytest.approx(1)


@pytest.mark.parametrize("counts", EXTREME)
def test_extreme_counts(counts: Counts) -> None:
    """Millions of successes or of failures beside an arm without any give probabilities, and losses of at most 1."""
    chances, losses = best_probabilities(arms(counts)), expected_losses(arms(counts))
    assert math.fsum(chances) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances)
    assert all(0 <= loss <= 1 for loss in losses)
    for (one, loss), (other, more) in pairwise(zip(arms(counts), losses, strict=True)):
        assert loss - more == pytest.approx(other.mean - one.mean, abs=1e-3)


def test_extreme_counts_in_closed_form() -> None:
    """A rate that never missed against one that missed once, and an unknown one against one that never hit."""
    assert best_probabilities(arms([(10**6, 0), (10**6, 1)]))[0] == pytest.approx(0.75, abs=5e-4)
    assert best_probabilities(arms([(0, 0), (0, 10**6)]))[1] == pytest.approx(1e-6, rel=1e-2)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("counts", [(0, 0), (0, 10**6), (10**6, 10**6), (10**6, 0), (30, 600), (0.3, 2.5)])
def test_equal_arms(number: int, counts: tuple[float, float]) -> None:
    """Equal arms are equally likely the best, and lose the same."""
    same = [BetaPosterior(successes=counts[0], failures=counts[1])] * number
    assert best_probabilities(same) == pytest.approx([1 / number] * number, abs=1e-12)
    losses = expected_losses(same)
    assert losses == pytest.approx([losses[0]] * number)
    assert number > 1 or losses == (0,)


@pytest.mark.parametrize("number", [2, 3, 5, 8])
def test_losses_of_unknown_arms(number: int) -> None:
    """Of uniform rates the highest is n / (n + 1) on average, so each loses that less a half."""
    unknown = [BetaPosterior(successes=0, failures=0)] * number
    assert expected_losses(unknown) == pytest.approx([number / (number + 1) - 0.5] * number, abs=1e-5)


def test_the_prior_of_a_mean_by_hand() -> None:
    """One reward of 3, beside a prior of 1 give or take 2: mean 2, 4 degrees of freedom, squares 12 + 2 over 4 * 2."""
    believed = NormalPosterior(count=1, sum=3.0, square=9.0, prior_mean=1.0, prior_deviation=2.0)
    assert (believed.mean, believed.freedom) == (2, 4)
    assert believed.scale == pytest.approx(math.sqrt(14 / 8))


def test_certainty_costs_nothing() -> None:
    """The arm that is surely the best is expected to lose nothing, the others what they are behind."""
    losses = expected_losses(arms([(8000, 2000), (2000, 8000)]))
    assert losses[0] < 1e-12
    assert losses[1] == pytest.approx(0.6, abs=1e-3)


def rewards(rng: np.random.Generator, number: int, *, shift: float = 0.0, unit: float = 1.0) -> list[Floats]:
    sizes = (10 ** rng.uniform(0, 3.5, number)).astype(int)
    return [unit * rng.normal(shift + rng.normal(0, 0.2), rng.uniform(0.5, 2), size) for size in sizes]


def summed(values: Sequence[Floats]) -> list[tuple[float, float, float]]:
    return [(len(each), float(each.sum()), float((each**2).sum())) for each in values]


@pytest.mark.parametrize("seed", range(8))
def test_numeric_rewards_as_on_a_dense_grid(seed: int) -> None:
    """Student posteriors of up to eight arms, some with a reward or two, are off by less than a thousandth."""
    rng = np.random.default_rng(100 + seed)
    believed = normal_posteriors([(0, 0.0, 0.0), *summed(rewards(rng, 1 + seed))])
    reach = np.linspace(-15, 15, 200_001)
    places = np.sinh(reach) / np.sinh(15) * 1e4 * max(arm.scale for arm in believed)
    heights = [
        (1 + ((places - arm.mean) / arm.scale) ** 2 / arm.freedom) ** (-(arm.freedom + 1) / 2) for arm in believed
    ]
    masses = np.array(heights) * np.gradient(places)
    masses /= masses.sum(axis=1, keepdims=True)
    under = masses.cumsum(axis=1) - masses / 2
    wanted = [(masses[arm] * np.delete(under, arm, axis=0).prod(axis=0)).sum() for arm in range(len(believed))]
    assert best_probabilities(believed) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(("shift", "unit"), [(0.0, 1e-6), (0.0, 1e6), (1000.0, 1.0)])
def test_the_unit_of_the_reward_does_not_matter(shift: float, unit: float) -> None:
    """Rewards in cents or in millions, or counted from elsewhere, give the same probabilities and losses."""
    values = rewards(np.random.default_rng(7), 3)
    plain, moved = (normal_posteriors(summed(each)) for each in (values, [unit * (v + shift) for v in values]))
    assert best_probabilities(moved) == pytest.approx(best_probabilities(plain), abs=1e-6)
    wanted = [unit * loss for loss in expected_losses(plain)]
    assert expected_losses(moved) == pytest.approx(wanted, rel=1e-4)


def test_many_rewards_are_in_the_normal_limit() -> None:
    """With thousands of rewards two means compare as normal ones with their standard errors."""
    rng = np.random.default_rng(8)
    values = [rng.normal(1.0, 2.0, 9000), rng.normal(1.03, 1.0, 5000)]
    error = math.sqrt(sum(float(each.var()) / len(each) for each in values))
    wanted = 0.5 * math.erfc((float(values[0].mean()) - float(values[1].mean())) / error / math.sqrt(2))
    assert best_probabilities(normal_posteriors(summed(values)))[1] == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e9])
def test_rewards_that_never_vary(value: float) -> None:
    """Arms of which nothing is known, or whose rewards are all the same, are equally likely the best."""
    nothing, one, many = ((n, n * value, n * value * value) for n in (0, 1, 50))
    for same in (nothing, many):
        assert best_probabilities(normal_posteriors([same] * 3)) == pytest.approx([1 / 3] * 3)
    mixed = best_probabilities(normal_posteriors([nothing, one, many, many]))
    assert math.fsum(mixed) == pytest.approx(1)
    assert mixed[2] == pytest.approx(mixed[3])


def test_a_belief_without_any_spread() -> None:
    """Even a prior that allows of none leaves a belief that can be compared."""
    certain = NormalPosterior(count=0, sum=0.0, square=0.0, prior_deviation=0.0)
    assert best_probabilities([certain, certain]) == pytest.approx([0.5, 0.5])


def test_an_arm_without_rewards_is_an_average_one() -> None:
    """What is not known of an arm is taken from all the others, with all the doubt of a single reward."""
    low, high, unknown = normal_posteriors([(100, 100.0, 110.0), (100, 300.0, 910.0), (0, 0.0, 0.0)])
    assert unknown.mean == pytest.approx(2.0)
    assert low.mean < unknown.mean < high.mean
    assert unknown.scale > 5 * low.scale


KINDS: list[list[Posterior]] = [
    [BetaPosterior(successes=40, failures=400), BetaPosterior(successes=50, failures=420)],
    [
        NormalPosterior(count=20, sum=20.0, square=60.0, prior_mean=1.0),
        NormalPosterior(count=50, sum=55.0, square=90.0, prior_mean=1.0),
    ],
]


@pytest.mark.parametrize("believed", KINDS)
def test_draws_agree(believed: list[Posterior]) -> None:
    """Rates and means drawn at random have the mean, the probabilities and the losses of the quadrature."""
    rng = np.random.default_rng(9)
    drawn = np.array([arm.draw(rng, 100_000) for arm in believed])
    losses = (drawn.max(axis=0) - drawn).mean(axis=1).tolist()
    assert drawn.mean(axis=1).tolist() == pytest.approx([arm.mean for arm in believed], rel=0.01)
    assert float((drawn.argmax(axis=0) == 0).mean()) == pytest.approx(best_probabilities(believed)[0], abs=0.006)
    assert losses == pytest.approx(expected_losses(believed), rel=0.03)
