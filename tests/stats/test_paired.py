"""Paired labels: exact by enumeration, quick by simulation, and fewer labels than separate groups need."""

from __future__ import annotations

import math
import random
from itertools import product
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlship.stats.paired import DiscordantTest, GainTest, Outcomes, gain_interval, gain_test
from mlship.stats.ratio import RatioTest
from tests.stats import exact

ALPHA = 0.05
LIMIT = math.log(1 / ALPHA) - 1e-9


def drawn(rng: np.random.Generator, size: int, looks: int, lost: float, won: float) -> list[Outcomes]:
    """Looks of `size` labelled pairs each."""
    counts = rng.multinomial(size, [lost, won, 1 - lost - won], size=looks).tolist()
    return [Outcomes(pairs=size, lost=live, won=challenger) for live, challenger, _ in counts]


def labels_needed(test: DiscordantTest | GainTest, looks: list[Outcomes]) -> float:
    """Labelled pairs until the test has proven its claim."""
    seen = 0
    for look in looks:
        test.absorb(look)
        seen += look.pairs
        if test.peak >= LIMIT:
            return seen
    return math.inf


@given(seed=st.integers(0, 10**6), looks=st.integers(0, 12), decided=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_mcnemar_expects_one(seed: int, looks: int, decided: int) -> None:
    """A look has expectation 1 where both models win alike, and at most 1 where the challenger wins less often."""
    rnd, test = random.Random(seed), DiscordantTest(alpha=ALPHA)
    for _ in range(looks):
        test.absorb(Outcomes(pairs=100, lost=rnd.randint(0, 12), won=rnd.randint(0, 12)))
    if test.fired:
        return
    for part in (0.5, 0.4, 0.1):
        factor = exact.expected_factor(
            test,
            exact.binomial(decided, part),
            lambda t, won: t.absorb(Outcomes(pairs=200, lost=decided - won, won=won)),
        )
        assert factor <= 1 + 1e-9
        assert part < 0.5 or factor == pytest.approx(1.0, abs=1e-9)


def test_a_look_without_decided_pairs_says_nothing() -> None:
    """Pairs that both models get right, or wrong, leave the evidence where it is."""
    test = DiscordantTest(alpha=ALPHA)
    test.absorb(Outcomes(pairs=1000))
    assert test.log_e == 0


@pytest.mark.parametrize("least", [-0.05, -0.01, 0.0, 0.01, 0.05])
@pytest.mark.parametrize("pairs", [1, 7])
def test_gain_expects_no_more_than_one(least: float, pairs: int) -> None:
    """Wherever the gain is at most `least` no look is expected to add evidence, and at `least` none to lose any."""
    for undecided, worse in product((0.0, 0.5, 0.9), (0.0, 0.01, 0.3)):
        gain = least - worse
        if abs(gain) > 1 - undecided:
            continue
        won, lost = (1 - undecided + gain) / 2, (1 - undecided - gain) / 2
        expected = math.fsum(
            math.comb(pairs, w) * math.comb(pairs - w, v) * won**w * lost**v * undecided ** (pairs - w - v)
            * math.exp(absorbed(GainTest(least=least), Outcomes(pairs=pairs, lost=v, won=w)))
            for w in range(pairs + 1) for v in range(pairs - w + 1)
        )  # fmt: skip
        assert expected <= 1 + 1e-9
        assert worse or expected == pytest.approx(1.0, abs=1e-9)


def absorbed(test: GainTest, look: Outcomes) -> float:
    test.absorb(look)
    return test.log_e


def test_how_pairs_are_told_off_in_looks_does_not_matter() -> None:
    """The same pairs in one look or in many are the same evidence for a gain."""
    at_once, piecemeal = GainTest(least=-0.01), GainTest(least=-0.01)
    at_once.absorb(Outcomes(pairs=300, lost=6, won=12))
    for _ in range(6):
        piecemeal.absorb(Outcomes(pairs=50, lost=1, won=2))
    assert piecemeal.log_e == pytest.approx(at_once.log_e)


@pytest.mark.parametrize("least", [0.0, -0.01, 0.01])
@pytest.mark.parametrize("undecided", [0.94, 0.7])
def test_false_proofs(least: float, undecided: float) -> None:
    """A challenger whose gain is just what must be exceeded is believed with probability at most alpha."""
    rng, runs = np.random.default_rng(41), 150
    lost, won = (1 - undecided - least) / 2, (1 - undecided + least) / 2
    believed = sum(
        labels_needed(gain_test(least=least, alpha=ALPHA), drawn(rng, 50, 150, lost, won)) < math.inf
        for _ in range(runs)
    )
    assert believed / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize(
    ("least", "lost", "won", "labels"),
    [
        (0.0, 0.02, 0.04, 1150),
        (0.0, 0.025, 0.035, 4500),
        (-0.01, 0.03, 0.03, 5300),
        (-0.01, 0.01, 0.01, 1750),
        (-0.02, 0.03, 0.03, 1300),
    ],
)
def test_labels_needed(least: float, lost: float, won: float, labels: int) -> None:
    """What is better is proven with so many labels in the median, and what is as good to be within the margin."""
    rng = np.random.default_rng(42)
    needed = [labels_needed(gain_test(least=least, alpha=ALPHA), drawn(rng, 25, 900, lost, won)) for _ in range(60)]
    assert median(needed) <= labels


def test_pairs_need_fewer_labels_than_two_groups() -> None:
    """Accuracy .92 against .90, 6 % of the pairs decided: on average at most 0.40 of the labels per model unpaired."""
    rng, size = np.random.default_rng(43), 50
    paired = [labels_needed(DiscordantTest(alpha=ALPHA), drawn(rng, size, 600, 0.02, 0.04)) for _ in range(150)]
    unpaired = [_unpaired_labels(rng, size) for _ in range(150)]
    assert mean(paired) / mean(unpaired) <= 0.40


def _unpaired_labels(rng: np.random.Generator, size: int) -> float:
    """Labels per model, each of them having answered requests of its own."""
    test = RatioTest(alpha=ALPHA)
    for look in range(1, 600):
        wrong, live_wrong = rng.binomial(size, [0.10, 0.08]).tolist()
        test.absorb(candidate=(wrong, size), live=(live_wrong, size))
        if test.fired:
            return look * size
    return 600 * size


@pytest.mark.parametrize(("lost", "won"), [(0.03, 0.03), (0.02, 0.05), (0.3, 0.2), (0.0, 0.01)])
def test_the_interval_covers(lost: float, won: float) -> None:
    """Over all looks together the interval loses sight of the true gain with probability at most alpha."""
    rng, runs, missed = np.random.default_rng(44), 60, 0
    for _ in range(runs):
        counted = Outcomes()
        for look in drawn(rng, 100, 30, lost, won):
            counted += look
            low, high = gain_interval(counted, ALPHA) or (-1.0, 1.0)
            assert -1 <= low <= (counted.gain or 0.0) <= high <= 1
            if not low <= won - lost <= high:
                missed += 1
                break
    assert missed / runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_the_interval_narrows() -> None:
    """No pairs, no interval; few pairs tell little; many agree with the estimate and its sign."""
    assert gain_interval(Outcomes(), ALPHA) is None
    assert list(gain_interval(Outcomes(pairs=1, won=1), ALPHA) or ()) == pytest.approx([-1.0, 1.0], abs=0.1)
    low, high = gain_interval(Outcomes(pairs=10_000, lost=200, won=400), ALPHA) or (0, 0)
    assert 0 < low < 0.02 < high < 0.035
    swapped = gain_interval(Outcomes(pairs=10_000, lost=400, won=200), ALPHA)
    assert list(swapped or ()) == pytest.approx([-high, -low])
