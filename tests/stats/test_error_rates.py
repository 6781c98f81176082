"""How often the tests err, and how soon they are right: seeded simulations through the same calls that gates make."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

import numpy as np
import pytest

from mlship.stats.clustered import ClusteredTest
from mlship.stats.margin import MarginTest
from mlship.stats.ratio import RatioTest
from mlship.stats.sample_ratio import SampleRatioTest

ALPHA = 0.05
LOOKS = 250
HALF = (200, 200)
TWENTIETH = (20, 380)

Sizes = tuple[int, int]
Stratum = tuple[tuple[int, int], tuple[int, int]]


def most(runs: int) -> float:
    """The share of errors that twice the standard error allows beside alpha."""
    return ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def steady(rng: np.random.Generator, sizes: Sizes, rates: tuple[float, float], looks: int) -> Iterator[Stratum]:
    """Looks of constant size and constant rates, candidate first."""
    bad, live_bad = (rng.binomial(size, rate, looks).tolist() for size, rate in zip(sizes, rates, strict=True))
    return (((c, sizes[0]), (b, sizes[1])) for c, b in zip(bad, live_bad, strict=True))


def look_of_alarm(test: RatioTest | ClusteredTest, looks: Iterator[Stratum]) -> int | None:
    """The look, from 1, at which the test fires."""
    for number, (candidate, live) in enumerate(looks, start=1):
        test.absorb(candidate=candidate, live=live)
        if test.fired:
            return number
    return None


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("sizes", [HALF, TWENTIETH])
def test_false_alarms(rate: float, sizes: Sizes) -> None:
    """A harmless candidate is accused with probability at most alpha, looked at 250 times."""
    rng, runs = np.random.default_rng(17), 100
    alarms = sum(
        look_of_alarm(RatioTest(alpha=ALPHA), steady(rng, sizes, (rate, rate), LOOKS)) is not None for _ in range(runs)
    )
    assert alarms / runs <= most(runs)


def ramp(rng: np.random.Generator, *, falling: bool) -> Iterator[Stratum]:
    """The weight goes 5, 25, 50 % while the rate of both models goes from 1 to 4 %, or back."""
    for look in range(120):
        size = (20, 100, 200)[look // 40]
        drift = (119 - look if falling else look) / 119
        yield from steady(rng, (size, 400 - size), (0.01 + 0.03 * drift,) * 2, 1)


@pytest.mark.parametrize("falling", [False, True])
def test_false_alarms_while_weights_and_rates_change(*, falling: bool) -> None:
    """Weights that rise while the rate of both models drifts accuse nobody: requests are never pooled over looks."""
    rng, runs = np.random.default_rng(18), 100
    alarms = sum(look_of_alarm(RatioTest(alpha=ALPHA), ramp(rng, falling=falling)) is not None for _ in range(runs))
    assert alarms / runs <= most(runs)


@pytest.mark.parametrize(
    ("sizes", "live", "candidate", "requests"),
    [
        ((20, 20), 0.02, 0.04, 1200),
        ((10, 190), 0.02, 0.04, 600),
        ((20, 20), 0.02, 0.10, 160),
        ((10, 190), 0.005, 0.025, 280),
        ((20, 20), 0.005, 0.5, 20),
    ],
)
def test_detection(sizes: Sizes, live: float, candidate: float, requests: int) -> None:
    """Half of the time, harm is found within this many requests of the candidate."""
    rng = np.random.default_rng(19)
    found = [
        look_of_alarm(RatioTest(alpha=ALPHA), steady(rng, sizes, (candidate, live), 600)) or 600 for _ in range(31)
    ]
    assert median(found) * sizes[0] <= requests


def test_late_damage() -> None:
    """Damage that begins after 300 good looks is found within 120 more."""
    rng = np.random.default_rng(20)
    delays = []
    for _ in range(21):
        test = RatioTest(alpha=ALPHA)
        if look_of_alarm(test, steady(rng, (20, 20), (0.02, 0.02), 300)) is None:
            delays.append(look_of_alarm(test, steady(rng, (20, 20), (0.04, 0.02), 600)) or 600)
    assert median(delays) <= 120


@pytest.mark.parametrize("sizes", [(200, 200), (40, 760)])
@pytest.mark.parametrize(("rate", "margin"), [(0.005, 0.005), (0.02, 0.01)])
def test_false_proofs(rate: float, margin: float, sizes: Sizes) -> None:
    """A candidate that is worse by exactly the margin is proven fit with probability at most alpha."""
    rng, runs, proofs = np.random.default_rng(21), 100, 0
    for _ in range(runs):
        test = MarginTest(margin=margin, alpha=ALPHA, history=(round(5000 * rate), 5000))
        for candidate, live in steady(rng, sizes, (rate + margin, rate), 100):
            test.absorb(candidate=candidate, live=live)
        proofs += test.proven
    assert proofs / runs <= most(runs)


@pytest.mark.parametrize(
    ("sizes", "rate", "margin", "requests"),
    [((100, 100), 0.02, 0.01, 2600), ((20, 380), 0.02, 0.01, 1700), ((100, 100), 0.0, 0.01, 400)],
)
def test_time_to_proof(sizes: Sizes, rate: float, margin: float, requests: int) -> None:
    """Half of the time, a candidate as good as live is proven fit within this many of its requests."""
    rng, needed = np.random.default_rng(22), []
    for _ in range(31):
        test = MarginTest(margin=margin, alpha=ALPHA, history=(round(5000 * rate), 5000))
        for number, (candidate, live) in enumerate(steady(rng, sizes, (rate, rate), 400), start=1):
            test.absorb(candidate=candidate, live=live)
            if test.proven or number == 400:
                needed.append(number * sizes[0])
                break
    assert median(needed) <= requests


def sessions(rng: np.random.Generator, sizes: Sizes, length: int) -> Stratum:
    """Users with `length` requests each, all to one model; errors of one user correlate by 0.3, 2 % on average."""

    def answers(requests: int) -> tuple[int, int]:
        users = requests // length
        rates = rng.beta(0.02 / 0.3 * 0.7, 0.98 / 0.3 * 0.7, users)
        return int(rng.binomial(length, rates).sum()), users * length

    return answers(sizes[0]), answers(sizes[1])


@pytest.mark.parametrize("length", [5, 20])
@pytest.mark.parametrize("sizes", [(200, 200), (40, 360)])
def test_false_alarms_with_sticky_sessions(length: int, sizes: Sizes) -> None:
    """Clumps of errors of single users accuse nobody, where a test of single requests errs several times too often."""
    rng, runs = np.random.default_rng(23), 100
    alarms = sum(
        look_of_alarm(ClusteredTest(alpha=ALPHA), (sessions(rng, sizes, length) for _ in range(120))) is not None
        for _ in range(runs)
    )
    assert alarms / runs <= most(runs)


@pytest.mark.parametrize("tolerance", [1.0, 2.0])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_false_skews(tolerance: float, share: float) -> None:
    """A split as asked is called skewed hardly ever."""
    rng, runs = np.random.default_rng(24), 15
    skews = 0
    for _ in range(runs):
        test = SampleRatioTest(tolerance=tolerance)
        for candidate in rng.binomial(400, share, LOOKS).tolist():
            test.absorb(candidate=candidate, live=400 - candidate, share=share)
        skews += test.fired
    assert skews == 0


@pytest.mark.parametrize(("asked", "real", "looks"), [(0.5, 0.47, 40), (0.05, 0.03, 30), (0.05, 0.5, 2)])
def test_skews_are_seen(asked: float, real: float, looks: int) -> None:
    """A split that is not as asked is seen within so many looks of 400 requests."""
    rng, test = np.random.default_rng(25), SampleRatioTest()
    for candidate in rng.binomial(400, real, looks).tolist():
        test.absorb(candidate=candidate, live=400 - candidate, share=asked)
    assert test.fired
