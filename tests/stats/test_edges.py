"""Corners: no traffic, no errors, nothing but errors, numbers too large to be true."""

from __future__ import annotations

import math

import pytest

from mlship.stats.ceiling import CeilingTest
from mlship.stats.clustered import ClusteredTest
from mlship.stats.interval import OddsRatio, rate_interval
from mlship.stats.margin import MarginTest
from mlship.stats.quantile import quantile
from mlship.stats.ratio import RatioTest
from mlship.stats.sample_ratio import SampleRatioTest

EMPTY = [((0, 0), (0, 0)), ((0, 10), (0, 0)), ((0, 0), (3, 10)), ((0, 10), (0, 20)), ((10, 10), (20, 20))]


@pytest.mark.parametrize("test", [RatioTest(alpha=0.05), ClusteredTest(alpha=0.05)])
@pytest.mark.parametrize(("candidate", "live"), EMPTY)
def test_no_evidence_where_nothing_can_differ(
    test: RatioTest | ClusteredTest, candidate: tuple[int, int], live: tuple[int, int]
) -> None:
    """Looks without requests of both, without errors, or with nothing but errors, are evidence of nothing."""
    test.absorb(candidate=candidate, live=live)
    assert test.log_e == pytest.approx(0.0, abs=1e-12)


def test_broken_candidate_fires_at_once() -> None:
    """One look in which every request of the candidate fails, and live's do not, suffices."""
    test = RatioTest(alpha=0.05 / 3)
    test.absorb(candidate=(25, 25), live=(1, 475))
    assert test.fired
    assert test.p_value == pytest.approx(0.05 / 3)


def test_better_candidate_is_no_suspect() -> None:
    """Where live is the worse one, evidence of harm only falls."""
    test = RatioTest(alpha=0.05)
    for _ in range(50):
        test.absorb(candidate=(2, 100), live=(10, 100))
    assert (test.log_e < 0, test.peak, test.p_value) == (True, 0.0, 1.0)


def test_margin_is_tolerated() -> None:
    """An odds ratio within the margin is no harm, one beyond it is."""
    within, beyond = RatioTest(alpha=0.05, margin=2.0), RatioTest(alpha=0.05, margin=2.0)
    for _ in range(100):
        within.absorb(candidate=(15, 100), live=(10, 100))
        beyond.absorb(candidate=(35, 100), live=(10, 100))
    assert (within.fired, beyond.fired) == (False, True)


@pytest.mark.parametrize("errors", [10**5, 5 * 10**6])
def test_ten_million_requests_in_a_look(errors: int) -> None:
    """Millions of requests and errors in one look are judged, both ways."""
    same, worse = RatioTest(alpha=0.05), RatioTest(alpha=0.05)
    same.absorb(candidate=(errors, 10**7), live=(errors, 10**7))
    worse.absorb(candidate=(errors + errors // 20, 10**7), live=(errors, 10**7))
    assert (same.log_e < 0, worse.fired) == (True, True)


def test_evidence_stays_at_its_limit() -> None:
    """Once fired, good looks do not take it back."""
    test = RatioTest(alpha=0.05)
    test.absorb(candidate=(20, 20), live=(0, 20))
    for _ in range(20):
        test.absorb(candidate=(0, 20), live=(10, 20))
    assert test.log_e == pytest.approx(math.log(20))


@pytest.mark.parametrize(("ceiling", "bad", "fired"), [(0.0, 0, False), (0.0, 1, True), (1.0, 50, False)])
def test_extreme_ceilings(ceiling: float, bad: int, fired: bool) -> None:  # noqa: FBT001 - a table
    """A ceiling of 0 falls with the first bad answer, one of 1 never."""
    test = CeilingTest(ceiling=ceiling, alpha=0.05)
    test.absorb(0, 0)
    test.absorb(bad, 50)
    assert (test.fired, test.p_value < 0.06) == (fired, fired)


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_proof_without_any_error(margin: float) -> None:
    """With no error anywhere the proof takes about ln(1 / alpha) / margin requests of the candidate."""
    test, requests = MarginTest(margin=margin, alpha=0.05), 0
    while not test.proven:
        test.absorb(candidate=(0, 10), live=(0, 90))
        requests += 10
    wanted = math.log(20) / margin
    assert 0.9 * wanted <= requests <= 1.3 * wanted + 10


@pytest.mark.parametrize("margin", [0.0, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_impossible_margins_prove_nothing(margin: float, share: float) -> None:
    """A margin of nothing, or of everything, is never proven and has no pace; nor is a proof without a split."""
    test = MarginTest(margin=margin, alpha=0.05)
    test.absorb(candidate=(0, 1000), live=(0, 1000))
    assert (test.proven, test.pace(share)) == (False, 0.0)
    assert test.log_e == pytest.approx(0.0)


@pytest.mark.parametrize("history", [(0, 0), (10**9, 10**9), (0, 10**9)])
def test_proof_survives_a_history_that_misleads(history: tuple[int, int]) -> None:
    """Whatever was expected, a candidate that always fails beside a sound live model is never proven fit."""
    test = MarginTest(margin=0.01, alpha=0.05, history=history)
    for _ in range(200):
        test.absorb(candidate=(50, 50), live=(0, 50))
    assert (test.proven, math.isfinite(test.log_e)) == (False, True)


def test_pace_foretells_the_proof() -> None:
    """The expected pace tells how many requests a proof takes, to a third."""
    test = MarginTest(margin=0.01, alpha=0.05, history=(100, 5000))
    foretold, requests = math.log(20) / test.pace(0.5), 0
    while not test.proven:
        test.absorb(candidate=(2, 100), live=(2, 100))
        requests += 100
    assert requests == pytest.approx(foretold, rel=0.35)


def test_split_of_nothing() -> None:
    """No requests, or no split, is no skew."""
    test = SampleRatioTest()
    test.absorb(candidate=0, live=0, share=0.5)
    test.absorb(candidate=100, live=0, share=1.0)
    assert test.log_e == pytest.approx(0.0)
    assert not test.fired


def test_tolerated_skew() -> None:
    """With a tolerance of 2, 8 % instead of 5 % is let pass and 20 % is not."""
    within, beyond = SampleRatioTest(tolerance=2.0), SampleRatioTest(tolerance=2.0)
    for _ in range(100):
        within.absorb(candidate=32, live=368, share=0.05)
        beyond.absorb(candidate=80, live=320, share=0.05)
    assert (within.fired, beyond.fired) == (False, True)


def test_design_effect() -> None:
    """Errors that come in clumps raise the design effect, single ones do not."""
    single, clumped = ClusteredTest(alpha=0.05), ClusteredTest(alpha=0.05)
    assert single.design_effect == 1.0
    for look in range(40):
        single.absorb(candidate=(5, 100), live=(5 + look % 2, 100))
        clumped.absorb(candidate=(20 * (look % 2), 100), live=(20 * (1 - look % 2), 100))
    assert (single.design_effect, clumped.design_effect > 5, clumped.fired) == (1.0, True, False)


def test_clustered_finds_a_broken_candidate() -> None:
    """Where users are assigned, a candidate that fails every request is found in five looks."""
    test = ClusteredTest(alpha=0.05)
    for _ in range(5):
        test.absorb(candidate=(25, 25), live=(2, 475))
    assert test.fired


def test_clustered_finds_harm() -> None:
    """A candidate that is worse look after look is found, also where users are assigned."""
    test = ClusteredTest(alpha=0.05)
    for look in range(30):
        test.absorb(candidate=(8 + look % 3, 100), live=(1 + look % 2, 100))
    assert test.fired


@pytest.mark.parametrize("size", [10**2, 10**5])
def test_clustered_has_a_value_for_any_score(size: int) -> None:
    """A candidate that is better by any number of errors leaves the evidence finite and low."""
    test = ClusteredTest(alpha=0.05, scale=1e-3)
    for _ in range(50):
        test.absorb(candidate=(0, size), live=(size // 2, size))
    assert math.isfinite(test.log_e)
    assert test.log_e < 0


def test_odds_ratio_covers_the_truth() -> None:
    """The interval holds the true ratio and narrows; the estimate is Mantel and Haenszel's."""
    odds, widths = OddsRatio(), []
    assert (odds.estimate, odds.interval(0.05)) == (None, None)
    for _ in range(3):
        for _ in range(20):
            odds.absorb(candidate=(20, 100), live=(10, 100))
        interval = odds.interval(0.05)
        assert interval is not None
        assert interval[0] < 2.25 < interval[1]
        widths.append(interval[1] / interval[0])
    assert odds.estimate == pytest.approx(2.25)
    assert widths == sorted(widths, reverse=True)


def test_odds_ratio_of_huge_looks() -> None:
    """Looks with thousands of errors agree with the same errors in small looks."""
    small, huge = OddsRatio(), OddsRatio()
    for _ in range(100):
        small.absorb(candidate=(8, 100), live=(5, 100))
    huge.absorb(candidate=(800, 10_000), live=(500, 10_000))
    one, other = small.interval(0.05), huge.interval(0.05)
    assert one is not None
    assert other is not None
    assert other == pytest.approx(one, rel=0.2)


def test_odds_ratio_without_live_errors() -> None:
    """Where live never errs there is a lower end, no estimate and no upper end."""
    odds = OddsRatio()
    odds.absorb(candidate=(30, 30), live=(0, 300))
    interval = odds.interval(0.05)
    assert odds.estimate is None
    assert interval is not None
    assert interval[0] > 10
    assert interval[1] == math.inf


def test_odds_ratio_widens_with_clumps() -> None:
    """A design effect above 1 widens the interval."""
    odds = OddsRatio()
    for _ in range(20):
        odds.absorb(candidate=(10, 100), live=(10, 100))
    narrow, wide = odds.interval(0.05), odds.interval(0.05, design_effect=4.0)
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < 1 < narrow[1] < wide[1]


@pytest.mark.parametrize(("bad", "every"), [(0, 100), (5, 100), (100, 100), (2000, 10**7)])
def test_rate_interval(bad: int, every: int) -> None:
    """The interval for a rate holds the counted one and lies within 0..1."""
    interval = rate_interval(bad, every, 0.05)
    assert interval is not None
    assert 0 <= interval[0] <= bad / every <= interval[1] <= 1
    assert interval[1] - interval[0] < 0.2
    assert rate_interval(0, 0, 0.05) is None


@pytest.mark.parametrize(
    ("counts", "portion", "value"),
    [
        ((0, 0, 0, 0), 0.5, None),
        ((10, 0, 0, 0), 0.5, math.sqrt(0.5)),
        ((0, 10, 0, 0), 1.0, 2.0),
        ((0, 10, 10, 0), 0.75, math.sqrt(8)),
        ((0, 0, 0, 5), 0.5, 4.0),
        ((9, 0, 0, 1), 0.9, 1.0),
    ],
)
def test_quantile(counts: tuple[int, ...], portion: float, value: float | None) -> None:
    """Log-linear within a bucket, the last edge for what exceeds them all, None for no answers."""
    assert quantile(counts, (1.0, 2.0, 4.0), portion) == (None if value is None else pytest.approx(value))
