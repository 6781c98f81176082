"""What makes the promises hold: under the null no look is expected to add evidence. Enumerated, not simulated."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlship.stats.ceiling import CeilingTest
from mlship.stats.margin import MarginTest
from mlship.stats.mixture import boosted
from mlship.stats.ratio import RatioTest
from mlship.stats.sample_ratio import SampleRatioTest
from tests.stats import exact

SEEDS = st.integers(0, 10**6)
LOOKS = st.integers(0, 12)


def used_ratio_test(seed: int, looks: int, margin: float = 1.0) -> RatioTest:
    """A test in the middle of its life."""
    drawn = random.Random(seed)
    test = RatioTest(alpha=drawn.choice([0.05, 0.01]), margin=margin, start_mix=drawn.choice([0.0, 0.1, 0.5]))
    for _ in range(looks):
        nc, nb = drawn.randint(5, 200), drawn.randint(5, 400)
        test.absorb(candidate=(drawn.randint(0, nc // 8), nc), live=(drawn.randint(0, nb // 16), nb))
    return test


def ratio_factor(test: RatioTest, nc: int, nb: int, bad: int, odds: float) -> float:
    law = exact.hypergeometric(nc, nb, bad, odds)
    return exact.expected_factor(test, law, lambda tried, k: tried.absorb(candidate=(k, nc), live=(bad - k, nb)))


@given(seed=SEEDS, looks=LOOKS, nc=st.integers(1, 120), nb=st.integers(1, 300), bad=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_ratio_expects_one(seed: int, looks: int, nc: int, nb: int, bad: int) -> None:
    """A boosted look of the ratio test has expectation 1 where both models err alike."""
    test = used_ratio_test(seed, looks)
    if not test.fired:
        assert ratio_factor(test, nc, nb, min(bad, nc + nb - 1), 1.0) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("margin", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 1.0])
def test_ratio_expects_no_more_for_a_better_candidate(margin: float, part: float) -> None:
    """Over the whole null, odds ratios up to the margin, the expectation is at most 1, and 1 at the margin."""
    for seed in range(12):
        test = used_ratio_test(seed, seed % 5, margin)
        if test.fired:
            continue
        factor = ratio_factor(test, 40, 90, 1 + 3 * seed, part * margin)
        assert factor <= 1 + 1e-9
        if part == 1.0:
            assert factor == pytest.approx(1.0, abs=1e-9)


def test_ratio_expects_one_in_a_huge_look() -> None:
    """Windows and bins of a look with thousands of errors keep the expectation at 1."""
    test = used_ratio_test(3, 2)
    assert not test.fired
    assert ratio_factor(test, 2500, 2500, 1500, 1.0) == pytest.approx(1.0, abs=1e-9)


@given(looks=LOOKS, trials=st.integers(1, 150), ceiling=st.sampled_from([0.001, 0.01, 0.05, 0.5]), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_ceiling_expects_one(looks: int, trials: int, ceiling: float, seed: int) -> None:
    """At the ceiling a look has expectation 1; below it, at most 1."""
    drawn, test = random.Random(seed), CeilingTest(ceiling=ceiling, alpha=0.05)
    for _ in range(looks):
        every = drawn.randint(1, 200)
        test.absorb(drawn.randint(0, max(1, math.ceil(2 * ceiling * every))), every)
    if test.fired:
        return
    for rate in (ceiling, ceiling / 2, ceiling / 20):
        factor = exact.expected_factor(test, exact.binomial(trials, rate), lambda t, k: t.absorb(k, trials))
        assert factor <= 1 + 1e-9
        assert rate < ceiling or factor == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("tolerance", [1.0, 2.0])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("looks", [0, 3])
def test_sample_ratio_expects_one(tolerance: float, share: float, looks: int) -> None:
    """A look has expectation 1 where the split is as asked, and at most 1 for every skew that is tolerated."""
    test = SampleRatioTest(tolerance=tolerance)
    for look in range(looks):
        test.absorb(candidate=round(100 * share) + look, live=round(100 * (1 - share)), share=share)
    for skew in (1 / tolerance, 1 / math.sqrt(tolerance), 1.0, tolerance):
        reached = skew * share / (skew * share + 1 - share)
        factor = exact.expected_factor(
            test, exact.binomial(120, reached), lambda t, k: t.absorb(candidate=k, live=120 - k, share=share)
        )
        assert factor <= 1 + 1e-9
        assert tolerance > 1 or factor == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("margin", [0.002, 0.01, 0.1])
@pytest.mark.parametrize("history", [(0, 0), (20, 1000), (900, 1000)])
@pytest.mark.parametrize(("nc", "nb"), [(1, 1), (4, 12), (7, 7)])
def test_margin_expects_no_more_than_one(margin: float, history: tuple[int, int], nc: int, nb: int) -> None:
    """Wherever the candidate is worse by the margin or more, no look is expected to add to the proof."""
    test = MarginTest(margin=margin, alpha=0.05, history=history)
    factors = np.array([[math.exp(_proof_after(test, (c, nc), (b, nb))) for b in range(nb + 1)] for c in range(nc + 1)])
    for live in np.linspace(0, 1 - margin, 60):
        for beyond in (0.0, 0.003, 0.05, 0.4):
            worse = min(float(live) + margin + beyond, 1.0)
            of_candidate, of_live = (list(exact.binomial(n, p).values()) for n, p in ((nc, worse), (nb, float(live))))
            assert np.array(of_candidate) @ factors @ np.array(of_live) <= 1 + 1e-9


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_margin_expects_no_more_than_one_in_a_huge_look(share: float) -> None:
    """A million requests do not blow up the rounding of the hardest null."""
    requests, margin = 10**6, 0.01
    test = MarginTest(margin=margin, alpha=0.05, history=(200, 10_000))
    for shift in (0.0, -0.5, 0.35):
        bet = test._bet(shift, share)
        for live in np.linspace(1e-6, 0.9, 400):
            worse = live + margin
            mine = worse * bet.candidate / bet.null_candidate + (1 - worse) * (1 - bet.candidate) / (
                1 - bet.null_candidate
            )
            others = live * bet.live / bet.null_live + (1 - live) * (1 - bet.live) / (1 - bet.null_live)
            assert requests * (share * math.log(mine) + (1 - share) * math.log(others)) <= 1e-6


@given(seed=SEEDS, cap=st.floats(1.0001, 1e4))
@settings(deadline=None)
def test_boost_wastes_nothing(seed: int, cap: float) -> None:
    """The boosted factors never exceed the cap, are never below the cut plain ones, and have expectation 1."""
    drawn = np.random.default_rng(seed)
    mass = drawn.dirichlet(np.ones(20))
    factors = np.sort(drawn.exponential(size=20) ** 3)
    factors /= mass @ factors
    raised = boosted(mass, factors, cap)
    assert raised.max() <= cap * (1 + 1e-12)
    assert (raised >= np.minimum(factors, cap) * (1 - 1e-9)).all()
    assert float(mass @ raised) == pytest.approx(1.0, abs=1e-9)


def _proof_after(test: MarginTest, candidate: tuple[int, int], live: tuple[int, int]) -> float:
    tried = MarginTest(margin=test._margin, alpha=0.05)
    tried._bad, tried._all = test._bad, test._all
    tried.absorb(candidate=candidate, live=live)
    return tried.log_e
