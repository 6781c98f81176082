"""Paired differences of numeric scores: how often the test errs, and that one outlier decides nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from mlship.stats.difference import CALIBRATION, Differences, DifferenceTest, difference_interval

ALPHA = 0.05
Draw = Callable[[np.random.Generator, int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]

ERRORS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n) - rng.lognormal(0, 1, n),
    "skewed": lambda rng, n: rng.exponential(size=n) - 1,
    "rare": lambda rng, n: np.where(rng.random(n) < 0.05, rng.standard_normal(n), 0.0),
}


def summed(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Differences:
    return Differences(count=len(values), sum=float(values.sum()), square=float((values**2).sum()))


def proven_after(test: DifferenceTest, draw: Draw, rng: np.random.Generator, *, shift: float, looks: int) -> float:
    for look in range(1, looks + 1):
        test.absorb(summed(draw(rng, 50) + shift))
        if test.peak >= math.log(1 / ALPHA):
            return 50 * look
    return math.inf


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("sign", [1, -1])
def test_false_proofs(name: str, sign: int) -> None:
    """Differences of mean 0 are taken for a gain with probability at most about alpha, skewed ones too."""
    rng, runs = np.random.default_rng(51), 200
    believed = sum(
        proven_after(DifferenceTest(least=0.0), lambda g, n: sign * ERRORS[name](g, n), rng, shift=0.0, looks=100)
        < math.inf
        for _ in range(runs)
    )
    assert believed / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_symmetric_differences_expect_no_more_than_one() -> None:
    """Whatever the sizes, over all their signs the evidence is 1 on average at most."""
    sizes = np.array([0.1, 1.0, 1.0, 2.0, 5.0, 0.3, 0.7, 40.0, 1.5, 0.2])
    before = np.full(CALIBRATION, 1.0) * np.resize([1, -1], CALIBRATION)
    values = []
    for signs in product((1, -1), repeat=len(sizes)):
        test = DifferenceTest(least=0.0)
        test.absorb(summed(before))
        test.absorb(summed(sizes * signs))
        values.append(math.exp(test.log_e))
    assert np.mean(values) <= 1 + 1e-9


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e6])
def test_a_gain_is_found(unit: float) -> None:
    """A tenth of a standard deviation is proven, whatever the unit; nothing is said before there are enough pairs."""
    rng, test = np.random.default_rng(52), DifferenceTest(least=0.0)
    needed = proven_after(test, lambda g, n: g.normal(scale=unit, size=n), rng, shift=0.1 * unit, looks=100)
    assert CALIBRATION <= needed <= 2500


def test_another_null_is_a_shift() -> None:
    """That the mean is at most 2 is asked of differences as that it is at most 0 of what they exceed 2 by."""
    values = np.random.default_rng(54).normal(2.1, 1.0, 600)
    shifted, plain = DifferenceTest(least=2.0), DifferenceTest(least=0.0)
    shifted.absorb(summed(values))
    plain.absorb(summed(values - 2.0))
    assert shifted.log_e == pytest.approx(plain.log_e)
    assert plain.log_e > 0


def test_one_outlier_decides_nothing() -> None:
    """One difference that dwarfs all others is no evidence."""
    test = DifferenceTest(least=0.0)
    test.absorb(summed(np.resize([1.0, -1.0], CALIBRATION)))
    test.absorb(Differences(count=1, sum=1e6, square=1e12))
    assert test.log_e < 1


def test_differences_that_are_all_the_same() -> None:
    """No difference at all says nothing; one that never varies is proven soon."""
    nothing, always = DifferenceTest(least=0.0), DifferenceTest(least=0.0)
    for _ in range(40):
        nothing.absorb(Differences(count=50))
        always.absorb(Differences(count=50, sum=50.0, square=50.0))
    assert nothing.log_e == 0
    assert always.peak >= math.log(1 / ALPHA)


@pytest.mark.parametrize("name", ERRORS)
def test_the_interval_covers(name: str) -> None:
    """Over all looks the interval loses sight of the mean with probability at most about alpha."""
    rng, runs, missed = np.random.default_rng(53), 100, 0
    for _ in range(runs):
        counted = Differences()
        for _ in range(60):
            counted += summed(ERRORS[name](rng, 50))
            interval = difference_interval(counted, ALPHA)
            if interval and not interval[0] <= 0 <= interval[1]:
                missed += 1
                break
    assert missed / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_few_pairs_have_no_interval() -> None:
    """Before the normal limit is near nothing is claimed; without any spread the mean is what it is."""
    assert difference_interval(Differences(), ALPHA) is None
    assert difference_interval(Differences(count=CALIBRATION - 1, sum=3.0, square=5.0), ALPHA) is None
    assert difference_interval(Differences(count=400, sum=400.0, square=400.0), ALPHA) == (1.0, 1.0)
    assert (Differences().mean, Differences(count=4, sum=2.0).negated.mean) == (None, -0.5)
