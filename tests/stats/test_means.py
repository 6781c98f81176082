"""Means of numeric outcomes: variances by enumeration, error rates and speed by simulation, covariates."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from mlship.stats.law import Floats
from mlship.stats.means import CALIBRATION, LEAST, MeanDifference, MeansTest, Sums, adjusted, slope

ALPHA = 0.05
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

OUTCOMES: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(3, 1, shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    "lognormal": lambda rng, shape: rng.lognormal(0, 1.5, shape),
    "buyers": lambda rng, shape: np.where(rng.random(shape) < 0.03, rng.lognormal(0, 1, shape), 0.0),
}


def most(runs: int) -> float:
    return ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def summed(values: Floats, covariate: Floats | None = None) -> Sums:
    x = np.zeros_like(values) if covariate is None else covariate
    return Sums(
        count=len(values),
        sum=float(values.sum()),
        square=float(values @ values),
        sum_x=float(x.sum()),
        square_x=float(x @ x),
        product=float(x @ values),
    )


def looks(values: Floats) -> list[Sums]:
    """Of values of shape (looks, units)."""
    sums, squares = values.sum(axis=1).tolist(), (values * values).sum(axis=1).tolist()
    return [Sums(count=values.shape[1], sum=s, square=q) for s, q in zip(sums, squares, strict=True)]


def fires(test: MeansTest, candidate: list[Sums], live: list[Sums]) -> int | None:
    """The look, from 1, at which the test fires."""
    for number, (mine, others) in enumerate(zip(candidate, live, strict=True), start=1):
        test.absorb(candidate=mine, live=others)
        if test.fired:
            return number
    return None


@pytest.mark.parametrize("part", [1, 2, 4])
@pytest.mark.parametrize("margin", [0.0, -0.7, 3.0])
def test_permutation_variance_is_exact(part: int, margin: float) -> None:
    """Over all assignments of the same values, moved by the margin, the score has mean 0 and the variance told."""
    values = np.array([0.3, -1.0, 2.5, 2.5, 40.0, 0.0])
    scores, variances = [], []
    for chosen in combinations(range(len(values)), part):
        mine = np.isin(np.arange(len(values)), chosen)
        difference = MeanDifference(null=margin)
        difference.absorb(candidate=summed(values[mine] + margin), live=summed(values[~mine]))
        scores.append(difference._score - margin * difference._information)
        variances.append(difference._permutation_variance(margin))
    assert np.mean(scores) == pytest.approx(0, abs=1e-12)
    assert variances == pytest.approx([float(np.var(scores))] * len(scores))


def test_sampling_variance_is_that_of_welch() -> None:
    """In one look the score over its information is the difference of the means, with Welch's variance."""
    rng, difference = np.random.default_rng(1), MeanDifference()
    mine, others = rng.normal(1, 3, 150), rng.normal(0, 1, 900)
    difference.absorb(candidate=summed(mine), live=summed(others))
    welch = mine.var(ddof=1) / len(mine) + others.var(ddof=1) / len(others)
    assert difference.estimate == pytest.approx(mine.mean() - others.mean())
    assert difference._sampling_variance() / difference._information**2 == pytest.approx(welch)


def test_both_variances_must_agree() -> None:
    """Whichever arm varies more, there is no more evidence than from the larger variance."""
    rng = np.random.default_rng(2)
    for spreads in ((5.0, 1.0), (1.0, 5.0)):
        difference = MeanDifference()
        mine, others = rng.normal(2, spreads[0], 150), rng.normal(0, spreads[1], 3000)
        difference.absorb(candidate=summed(mine), live=summed(others))
        variances = difference._permutation_variance(0.0), difference._sampling_variance()
        score = difference._score
        alone = [score**2 / 2 / (v + difference._spread) + math.log(difference._spread / (v + difference._spread)) / 2
                 for v in variances]  # fmt: skip
        assert max(variances) > 2 * min(variances)
        assert difference.log_e <= min(alone) + math.log(2)


@pytest.mark.parametrize("sizes", [(10, 190), (100, 100)])
@pytest.mark.parametrize("name", OUTCOMES)
def test_false_alarms(name: str, sizes: tuple[int, int]) -> None:
    """Of equal arms neither is believed to be the better one with probability above alpha, looked at 60 times."""
    rng, runs = np.random.default_rng(31), 150
    higher, lower = 0, 0
    for _ in range(runs):
        mine, others = (looks(OUTCOMES[name](rng, (60, size))) for size in sizes)
        higher += fires(MeansTest(alpha=ALPHA), mine, others) is not None
        lower += fires(MeansTest(alpha=ALPHA), others, mine) is not None
    assert max(higher, lower) / runs <= most(runs)


@pytest.mark.parametrize("rising", [True, False])
def test_false_alarms_while_weights_and_means_change(*, rising: bool) -> None:
    """A share that goes 5, 25, 50 % while the mean of both arms drifts accuses nobody."""
    rng, runs, alarms = np.random.default_rng(32), 100, 0
    means = np.linspace(1, 4, 60) if rising else np.linspace(4, 1, 60)
    for _ in range(runs):
        test, swapped = MeansTest(alpha=ALPHA / 2), MeansTest(alpha=ALPHA / 2)
        for number, mean in enumerate(means.tolist()):
            size = (10, 50, 100)[number // 20]
            mine, others = summed(rng.exponential(mean, size)), summed(rng.exponential(mean, 200 - size))
            test.absorb(candidate=mine, live=others)
            swapped.absorb(candidate=others, live=mine)
        alarms += test.fired or swapped.fired
    assert alarms / runs <= most(runs)


@pytest.mark.parametrize(
    ("name", "sizes", "shift", "units"),
    [
        ("normal", (10, 190), 0.2, 300),
        ("normal", (100, 100), 0.2, 800),
        ("exponential", (10, 190), 0.2, 300),
        ("lognormal", (100, 100), 0.6, 4000),
    ],
)
def test_a_higher_mean_is_found(name: str, sizes: tuple[int, int], shift: float, units: int) -> None:
    """Half of the time within so many units of the candidate."""
    rng, needed = np.random.default_rng(33), []
    for _ in range(31):
        mine, others = looks(OUTCOMES[name](rng, (80, sizes[0])) + shift), looks(OUTCOMES[name](rng, (80, sizes[1])))
        needed.append((fires(MeansTest(alpha=ALPHA), mine, others) or 80) * sizes[0])
    assert np.median(needed) <= units


def test_a_margin_is_a_shift() -> None:
    """That it is higher by more than the margin is asked as that it is higher at all, of outcomes less the margin."""
    rng = np.random.default_rng(34)
    mine, others = rng.exponential(size=(10, 40)) + 0.4, rng.exponential(size=(10, 60))
    for margin in (0.3, -0.2):
        asked, shifted = MeansTest(alpha=ALPHA, margin=margin), MeansTest(alpha=ALPHA)
        fires(asked, looks(mine), looks(others))
        fires(shifted, looks(mine - margin), looks(others))
        assert asked.log_e == pytest.approx(shifted.log_e)


@pytest.mark.parametrize("unit", [1e-4, 1e5])
def test_the_unit_does_not_matter(unit: float) -> None:
    """The same outcomes in another unit are the same evidence, and the interval is in that unit."""
    rng = np.random.default_rng(35)
    mine, others = rng.exponential(size=(10, 40)) + 0.4, rng.exponential(size=(10, 60))
    plain, scaled = MeansTest(alpha=ALPHA), MeansTest(alpha=ALPHA)
    fires(plain, looks(mine), looks(others))
    fires(scaled, looks(unit * mine), looks(unit * others))
    assert scaled.log_e == pytest.approx(plain.log_e)
    wanted = plain.difference.interval(ALPHA) or (0, 0)
    assert scaled.difference.interval(ALPHA) == pytest.approx([unit * end for end in wanted])


def test_lower_is_better_is_the_other_sign() -> None:
    """Of what is less the better, the negated sums tell as much as swapped arms."""
    rng = np.random.default_rng(36)
    mine, others = looks(rng.exponential(size=(10, 40))), looks(rng.exponential(size=(10, 60)) + 0.5)
    negated, swapped = MeansTest(alpha=ALPHA), MeansTest(alpha=ALPHA)
    fires(negated, [look.negated for look in mine], [look.negated for look in others])
    fires(swapped, others, mine)
    assert negated.log_e == pytest.approx(swapped.log_e)
    assert negated.log_e > 1


def test_nothing_is_told_of_few() -> None:
    """Before there are enough units of each arm there is no evidence and no interval, whatever the difference."""
    test = MeansTest(alpha=ALPHA)
    for count, others in ((0, 50), (50, 0), (LEAST - 1, 10 * CALIBRATION)):
        mine = Sums(count=count, sum=9.0 * count, square=82.0 * count)
        test.absorb(candidate=mine, live=Sums(count=others, sum=1.0 * others, square=2.0 * others))
        assert (test.log_e, test.p_value, test.fired) == (0, 1, False)
        assert test.difference.interval(ALPHA) is None
    assert test.difference.units == LEAST - 1 + 10 * CALIBRATION
    test.absorb(candidate=Sums(count=1, sum=9.0, square=81.0), live=Sums(count=1, sum=1.0, square=1.0))
    assert (test.fired, test.p_value < ALPHA) == (True, True)
    assert (MeanDifference().estimate, Sums().mean, Sums(count=2, sum=3.0).mean) == (None, None, 1.5)


def test_outcomes_that_never_vary() -> None:
    """If all are the same there is no evidence, with a margin neither; if each arm has one of its own there soon is."""
    same, apart, kept = MeansTest(alpha=ALPHA), MeansTest(alpha=ALPHA), MeansTest(alpha=ALPHA, margin=-0.5)
    for _ in range(10):
        ones = Sums(count=50, sum=50.0, square=50.0)
        same.absorb(candidate=ones, live=ones)
        kept.absorb(candidate=ones, live=ones)
        apart.absorb(candidate=Sums(count=50, sum=100.0, square=200.0), live=ones)
    assert (same.log_e, same.difference.interval(ALPHA), kept.log_e) == (0, None, 0)
    assert apart.fired
    low, high = apart.difference.interval(ALPHA) or (0, 0)
    assert 0 < low < 1 < high


def test_one_outlier_decides_nothing() -> None:
    """One outcome that dwarfs all others is no evidence."""
    test, ones = MeansTest(alpha=ALPHA), Sums(count=400, sum=0.0, square=400.0)
    test.absorb(candidate=ones, live=ones)
    test.absorb(candidate=Sums(count=1, sum=1e6, square=1e12), live=Sums(count=1))
    assert test.log_e < 1


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_interval_covers(name: str, shift: float) -> None:
    """Over all looks the interval loses sight of the difference with probability at most about alpha."""
    rng, runs, missed = np.random.default_rng(37), 60, 0
    for _ in range(runs):
        difference, low, high = MeanDifference(), -math.inf, math.inf
        for mine, others in zip(
            looks(OUTCOMES[name](rng, (60, 20)) + shift), looks(OUTCOMES[name](rng, (60, 80))), strict=True
        ):
            difference.absorb(candidate=mine, live=others)
            ends = difference.interval(ALPHA) or (low, high)
            low, high = max(low, ends[0]), min(high, ends[1])
        missed += not low <= shift <= high
    assert missed / runs <= most(runs)


def correlated(rng: np.random.Generator, size: int, correlation: float) -> tuple[Floats, Floats]:
    """Outcomes of mean 0 and deviation 1, and a covariate in a unit of its own."""
    x, rest = rng.standard_normal(size), rng.standard_normal(size)
    return correlation * x + math.sqrt(1 - correlation**2) * rest, 5 * x + 100


def needed(rng: np.random.Generator, *, correlation: float, shift: float, known: bool, most_looks: int) -> float:
    """Units of the candidate until its higher mean is proven, with or without the covariate."""
    test = MeansTest(alpha=ALPHA)
    for number in range(1, most_looks + 1):
        (mine, x), (others, z) = (correlated(rng, 50, correlation) for _ in range(2))
        mine = mine + shift
        test.absorb(candidate=summed(mine, x if known else None), live=summed(others, z if known else None))
        if test.fired:
            return 50 * number
    return math.inf


def test_a_covariate_saves_units() -> None:
    """With correlation 0.7 about half of the variance is left: at most 0.7 of the units are needed."""
    with_it, without = (
        [needed(np.random.default_rng(s), correlation=0.7, shift=0.08, known=known, most_looks=400) for s in range(50)]
        for known in (True, False)
    )
    assert np.mean(with_it) / np.mean(without) <= 0.7


@pytest.mark.parametrize("correlation", [0.0, 0.7, -0.95])
def test_a_covariate_makes_no_false_alarms(correlation: float) -> None:
    """Whatever it is worth, equal arms are told apart with probability at most alpha."""
    rng, runs = np.random.default_rng(38), 150
    alarms = sum(
        needed(rng, correlation=correlation, shift=0.0, known=True, most_looks=40) < math.inf for _ in range(runs)
    )
    assert alarms / runs <= most(runs)


def test_adjusted_sums_are_those_of_adjusted_outcomes() -> None:
    """The sums of y - theta (x - mean) need no raw values; the slope is that of least squares within the arms."""
    rng = np.random.default_rng(39)
    y, x = correlated(rng, 200, 0.6)
    found, wanted = adjusted(summed(y, x), 0.07, 99.0), summed(y - 0.07 * (x - 99.0))
    assert (found.count, found.sum, found.square) == pytest.approx((200, wanted.sum, wanted.square))
    assert slope(summed(y, x)) == pytest.approx(np.polyfit(x, y, 1)[0])
    assert slope(summed(y, x), summed(y + 7, x + 3)) == pytest.approx(slope(summed(y, x)))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_covariate_that_never_varies(value: float) -> None:
    """It has no slope, and nothing is adjusted."""
    y = np.random.default_rng(40).standard_normal(500)
    assert slope(summed(y, np.full(500, value)), Sums()) == 0
    assert adjusted(summed(y), 0.0, 0.0) == summed(y)
    assert slope() == 0


def test_the_slope_is_known_before_the_look() -> None:
    """The look itself has no part in how it is adjusted: its evidence is that of the earlier slope."""
    rng, test, by_hand = np.random.default_rng(41), MeansTest(alpha=ALPHA), MeansTest(alpha=ALPHA)
    arms = [[correlated(rng, 150, 0.8) for _ in range(2)] for _ in range(2)]
    first, second = ([summed(*arms[arm][look]) for arm in range(2)] for look in range(2))
    theta, mean = slope(*first), (first[0].sum_x + first[1].sum_x) / 300
    for mine, others in (first, second):
        test.absorb(candidate=mine, live=others)
    by_hand.absorb(candidate=adjusted(first[0], 0.0, 0.0), live=adjusted(first[1], 0.0, 0.0))
    by_hand.absorb(candidate=adjusted(second[0], theta, mean), live=adjusted(second[1], theta, mean))
    assert test.log_e == pytest.approx(by_hand.log_e)
    assert abs(theta) > 0.1
