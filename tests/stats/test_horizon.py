"""How many units a decision takes: beside textbooks, exact enumeration of the power, and the tests themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from mlship.stats.horizon import (
    OVER_PACE,
    Design,
    margin_units,
    means_p_value,
    means_size,
    means_units,
    proportions_p_value,
    proportions_size,
    ratio_units,
)
from mlship.stats.law import Floats
from mlship.stats.margin import MarginTest
from mlship.stats.means import MeansTest, Sums
from mlship.stats.ratio import RatioTest
from tests.stats import exact

ALPHA = 0.05


def test_sizes_of_textbooks() -> None:
    """10 against 12 % takes 3841 each, 50 against 60 % 388, and a fifth of a deviation 393."""
    assert proportions_size(0.10, 0.12, Design()) == 3841
    assert proportions_size(0.5, 0.6, Design()) == 388
    assert means_size(0.2, 1.0, Design()) == 393
    assert means_size(-10.0, 50.0, Design()) == 393
    assert means_size(0.2, 1.0, Design(two_sided=False)) == 310


def test_what_is_equal_is_never_told_apart() -> None:
    """No number of units finds a difference that is not there."""
    assert proportions_size(0.1, 0.1, Design()) == math.inf
    assert means_size(0.0, 1.0, Design()) == math.inf


def rejected(live: float, candidate: float, sizes: tuple[int, int], design: Design) -> float:
    """The probability that the z test rejects, over all outcomes."""
    mine, others = exact.binomial(sizes[0], candidate), exact.binomial(sizes[1], live)
    return sum(
        mass * other
        for hits, mass in mine.items()
        for live_hits, other in others.items()
        if mass * other > 1e-9
        and proportions_p_value((hits, sizes[0]), (live_hits, sizes[1]), two_sided=design.two_sided) <= design.alpha
    )


@pytest.mark.parametrize(
    ("live", "candidate", "design"),
    [
        (0.3, 0.5, Design()),
        (0.3, 0.5, Design(two_sided=False)),
        (0.2, 0.4, Design(share=0.25)),
        (0.6, 0.35, Design(power=0.9)),
    ],
)
def test_the_size_gives_the_power(live: float, candidate: float, design: Design) -> None:
    """By enumeration the z test of that size has the power asked for, and errs with about alpha, to 0.015."""
    units = int(proportions_size(live, candidate, design))
    sizes = units, round(units * (1 - design.share) / design.share)
    assert rejected(live, candidate, sizes, design) == pytest.approx(design.power, abs=0.02)
    assert rejected(live, live, sizes, design) <= design.alpha + 0.015


def test_the_size_for_means_gives_the_power() -> None:
    """Normal means of that many units, variance known, exceed the limit with the power asked for."""
    design = Design(share=0.2, power=0.9, two_sided=False)
    units = means_size(0.3, 2.0, design)
    error = 2.0 * math.sqrt(1 / units + 0.2 / 0.8 / units)
    assert 1 - NormalDist(0.3 / error).cdf(NormalDist().inv_cdf(0.95)) == pytest.approx(0.9, abs=1e-3)


def test_p_value_of_proportions() -> None:
    """60 of 100 against 45 of 100 is z = 2.1240; the sides are those of the normal law."""
    above = 1 - NormalDist().cdf(2.12398)
    assert proportions_p_value((60, 100), (45, 100)) == pytest.approx(2 * above, rel=1e-4)
    assert proportions_p_value((60, 100), (45, 100), two_sided=False) == pytest.approx(above, rel=1e-4)
    assert proportions_p_value((45, 100), (60, 100), two_sided=False) == pytest.approx(1 - above, rel=1e-4)
    assert proportions_p_value((45, 100), (60, 100)) == proportions_p_value((60, 100), (45, 100))


@pytest.mark.parametrize(
    ("candidate", "live"), [((0, 0), (5, 10)), ((5, 10), (0, 0)), ((0, 10), (0, 20)), ((10, 10), (20, 20))]
)
def test_p_value_where_nothing_can_differ(candidate: tuple[int, int], live: tuple[int, int]) -> None:
    """Without units of both, or without any variation, the p-value is 1."""
    assert proportions_p_value(candidate, live) == 1
    assert proportions_p_value(candidate, live, two_sided=False) == 1


def summed(values: Floats) -> Sums:
    return Sums(count=len(values), sum=float(values.sum()), square=float(values @ values))


def test_p_value_of_means() -> None:
    """The statistic is Welch's."""
    rng = np.random.default_rng(71)
    mine, others = rng.normal(0.2, 3, 150), rng.normal(0, 1, 90)
    z = (mine.mean() - others.mean()) / math.sqrt(mine.var(ddof=1) / 150 + others.var(ddof=1) / 90)
    assert means_p_value(summed(mine), summed(others)) == pytest.approx(2 * (1 - NormalDist().cdf(abs(z))))
    assert means_p_value(summed(mine), summed(others), two_sided=False) == pytest.approx(1 - NormalDist().cdf(z))


def test_p_value_of_means_without_variance() -> None:
    """Of less than two units, or the same outcome everywhere, 1; of two outcomes, each the same within its arm, 0."""
    ones, twos = Sums(count=50, sum=50.0, square=50.0), Sums(count=50, sum=100.0, square=200.0)
    assert means_p_value(Sums(count=1, sum=1.0, square=1.0), ones) == 1
    assert means_p_value(ones, ones) == means_p_value(ones, ones, two_sided=False) == 1
    assert means_p_value(twos, ones) == means_p_value(twos, ones, two_sided=False) == 0
    assert (means_p_value(ones, twos), means_p_value(ones, twos, two_sided=False)) == (0, 1)


def mean_units(one: Callable[[np.random.Generator], float], runs: int = 40) -> float:
    rng = np.random.default_rng(72)
    return float(np.mean([one(rng) for _ in range(runs)]))


@pytest.mark.parametrize(
    ("live", "candidate", "sizes"),
    [(0.02, 0.04, (50, 50)), (0.02, 0.04, (20, 380)), (0.1, 0.15, (50, 50)), (0.05, 0.1, (10, 190))],
)
def test_units_of_the_ratio_test(live: float, candidate: float, sizes: tuple[int, int]) -> None:
    """What is foretold is the mean number of units of the candidate, to a third."""

    def one(rng: np.random.Generator) -> float:
        test = RatioTest(alpha=ALPHA)
        for look in range(1, 400):
            bad, live_bad = (int(rng.binomial(n, p)) for n, p in zip(sizes, (candidate, live), strict=True))
            test.absorb(candidate=(bad, sizes[0]), live=(live_bad, sizes[1]))
            if test.fired:
                return look * sizes[0]
        return math.inf

    foretold = ratio_units(live, candidate, alpha=ALPHA, share=sizes[0] / sum(sizes))
    assert mean_units(one) == pytest.approx(foretold, rel=1 / 3)


@pytest.mark.parametrize(
    ("live", "candidate", "sizes"),
    [(0.02, 0.02, (100, 100)), (0.02, 0.02, (20, 380)), (0.1, 0.1, (200, 200)), (0.02, 0.015, (50, 50))],
)
def test_units_of_the_margin_test(live: float, candidate: float, sizes: tuple[int, int]) -> None:
    """What is foretold for a margin of a point is the mean number of units of the candidate, to a third."""

    def one(rng: np.random.Generator) -> float:
        test = MarginTest(margin=0.01, alpha=ALPHA, history=(round(live * 5000), 5000))
        for look in range(1, 2000):
            bad, live_bad = (int(rng.binomial(n, p)) for n, p in zip(sizes, (candidate, live), strict=True))
            test.absorb(candidate=(bad, sizes[0]), live=(live_bad, sizes[1]))
            if test.proven:
                return look * sizes[0]
        return math.inf

    foretold = margin_units(live, candidate, margin=0.01, alpha=ALPHA, share=sizes[0] / sum(sizes))
    assert mean_units(one) == pytest.approx(foretold, rel=1 / 3)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_units_of_the_margin_test_follow_its_pace(share: float) -> None:
    """For a candidate as good as live the evidence grows at the pace that the test itself tells."""
    pace = MarginTest(margin=0.01, alpha=ALPHA, history=(100, 5000)).pace(share)
    found = margin_units(0.02, 0.02, margin=0.01, alpha=ALPHA, share=share)
    assert found == pytest.approx(OVER_PACE * math.log(1 / ALPHA) / pace, rel=0.01)


def test_half_of_the_margin_takes_longer() -> None:
    """A candidate that is worse by half of the margin needs several times the units, a better one fewer."""
    equal, half, better = (
        margin_units(0.02, rate, margin=0.01, alpha=ALPHA, share=0.5) for rate in (0.02, 0.025, 0.015)
    )
    assert half > 4 * equal
    assert better < equal / 2


@pytest.mark.parametrize(("effect", "sizes"), [(0.3, (50, 50)), (0.2, (10, 190)), (1.0, (10, 90))])
def test_units_of_the_test_of_means(effect: float, sizes: tuple[int, int]) -> None:
    """What is foretold is the mean number of units of the candidate, to a third."""

    def one(rng: np.random.Generator) -> float:
        test = MeansTest(alpha=ALPHA)
        for look in range(1, 400):
            test.absorb(
                candidate=summed(rng.standard_normal(sizes[0]) + effect), live=summed(rng.standard_normal(sizes[1]))
            )
            if test.fired:
                return look * sizes[0]
        return math.inf

    foretold = means_units(effect, alpha=ALPHA, share=sizes[0] / sum(sizes))
    assert mean_units(one) == pytest.approx(foretold, rel=1 / 3)


def test_what_never_decides() -> None:
    """No effect, one of the wrong sign, no split, or a margin that nothing can prove takes infinitely many units."""
    for rate in (0.02, 0.01):
        assert ratio_units(0.02, rate, alpha=ALPHA, share=0.5) == math.inf
    assert ratio_units(0.0, 0.0, alpha=ALPHA, share=0.5) == math.inf
    for share in (0.0, 1.0):
        assert ratio_units(0.02, 0.04, alpha=ALPHA, share=share) == math.inf
        assert margin_units(0.02, 0.02, margin=0.01, alpha=ALPHA, share=share) == math.inf
        assert means_units(0.2, alpha=ALPHA, share=share) == math.inf
    for margin, rate in ((0.0, 0.02), (1.0, 0.02), (0.01, 0.03), (0.01, 0.05)):
        assert margin_units(0.02, rate, margin=margin, alpha=ALPHA, share=0.5) == math.inf
    for effect in (0.0, -0.2, 1e-9):
        assert means_units(effect, alpha=ALPHA, share=0.5) == math.inf


def test_rates_at_the_ends() -> None:
    """Rates of 0 and 1 have a number of units."""
    assert 0 < ratio_units(0.0, 1.0, alpha=ALPHA, share=0.5) < 10
    assert 0 < ratio_units(0.0, 0.01, alpha=ALPHA, share=0.5) < 1000
    assert margin_units(0.0, 0.0, margin=0.01, alpha=ALPHA, share=0.5) == pytest.approx(300, rel=0.2)
    assert 0 < margin_units(1.0, 1.0, margin=0.01, alpha=ALPHA, share=0.5) < 1000
