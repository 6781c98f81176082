"""Counts of a made-up world: their laws, by sums over many fixed seeds, and what never varies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlship.drivers.simulated import draws
from mlship.drivers.simulated.answers import Deck, chances
from mlship.drivers.simulated.course import Course
from mlship.drivers.simulated.spec import (
    DAY,
    Change,
    Incident,
    Labels,
    Latency,
    Nature,
    Spread,
    Traffic,
    Users,
    World,
)
from mlship.metrics.counters import LATENCY_EDGES
from mlship.plan.outcome import Kind


def rng(seed: int = 1) -> draws.Rng:
    return np.random.default_rng(seed)


def test_latency_is_lognormal_with_a_slow_part() -> None:
    """Half are within the median; the slow ones come later; quantiles and shares agree."""
    plain, slow = Latency(median=0.1, spread=2.0), Latency(median=0.1, spread=2.0, slow=0.02, slow_by=10.0)

    assert plain.within(0.1) == pytest.approx(0.5)
    assert plain.within(0.2) == pytest.approx(0.8413, abs=1e-4)
    assert slow.within(0.1) == pytest.approx(0.49)
    assert slow.quantile(0.99) > 10
    for share in (0.1, 0.5, 0.95, 0.99):
        assert slow.within(slow.quantile(share)) == pytest.approx(share, abs=1e-6)


def test_buckets_are_those_of_the_router() -> None:
    """Their shares sum to 1, and up to each edge they are the law's."""
    latency = Latency(median=0.04, spread=1.8, slow=0.02)
    shares = draws.buckets(latency)

    assert len(shares) == len(LATENCY_EDGES) + 1
    assert np.cumsum(shares)[:-1] == pytest.approx([latency.within(edge) for edge in LATENCY_EDGES])
    assert shares.sum() == pytest.approx(1)


def test_clumps_widen_what_comes() -> None:
    """Users of five requests: the same mean of requests and errors, a larger variance."""
    chance, alone, clumped = rng(), Users(), Users(requests=5.0, alike=1.0)
    counts = {
        users: np.array([draws.errors(chance, draws.requests(chance, 500.0, users), 0.1, users) for _ in range(2000)])
        for users in (alone, clumped)
    }

    for found in counts.values():
        assert found.mean() == pytest.approx(50, rel=0.03)
    assert counts[alone].var() == pytest.approx(50, rel=0.2)
    assert counts[clumped].var() > 3 * counts[alone].var()


def test_errors_never_exceed_requests() -> None:
    """Whatever the clumps."""
    chance, users = rng(), Users(requests=50.0, alike=0.9)

    for number in (0, 1, 7, 40):
        for share in (0.0, 0.5, 1.0):
            assert 0 <= draws.errors(chance, number, share, users) <= number


@pytest.mark.parametrize(("kind", "law"), [(Kind.RATE, (0.2, 0.0)), (Kind.MEAN, (3.0, 2.0))])
def test_outcomes_have_their_law(kind: Kind, law: tuple[float, float]) -> None:
    """Mean and variance over many units; what is not reported in time counts as 0."""
    found = draws.reward(rng(), kind, 200_000, law=law, reported=0.5)
    mean, square = found.sum / found.units, found.square / found.units
    expected, spread = law[0] / 2, (law[0] / 2 if kind is Kind.RATE else (law[0] ** 2 + law[1] ** 2) / 2)

    assert mean == pytest.approx(expected, rel=0.02)
    assert square == pytest.approx(spread, rel=0.02)
    assert found.square * found.units >= found.sum**2
    assert draws.reward(rng(), kind, 0, law=law, reported=1.0).units == 0


def test_requests_follow_a_daily_wave() -> None:
    """The integral over a day is the mean, over the hours of the peak it is more."""
    wave = Course(World(models={}, traffic=Traffic(rates=((0.0, 100.0),), swing=0.5, peak=6 * 3600.0)))

    assert wave.requests(0.0, DAY) == pytest.approx(100 * DAY)
    assert wave.requests(6 * 3600.0 - 60, 6 * 3600.0 + 60) == pytest.approx(150 * 120, rel=1e-3)
    assert wave.requests(18 * 3600.0 - 60, 18 * 3600.0 + 60) == pytest.approx(50 * 120, rel=1e-3)


def test_time_is_cut_where_something_jumps() -> None:
    """Rates hold from their moment on, incidents begin and end."""
    incident = Incident(start=30.0, length=20.0, factor=10.0, models=frozenset({"v2"}))
    models = {"v1": Nature(errors=0.01), "v2": Nature(errors=0.02)}
    course = Course(World(models=models, traffic=Traffic(rates=((0.0, 100.0), (40.0, 10.0))), incidents=(incident,)))

    assert list(course.slices(20.0, 60.0, 55.0)) == [(20, 30), (30, 40), (40, 50), (50, 55), (55, 60)]
    assert sum(course.requests(*part) for part in course.slices(20.0, 60.0)) == pytest.approx(2000 + 200)
    assert list(course.slices(60.0, 60.0)) == []
    assert [course.errors("v2", at) for at in (29.9, 30.0, 49.9, 50.0)] == pytest.approx([0.02, 0.2, 0.2, 0.02])
    assert course.errors("v1", 35.0) == 0.01


def test_drift_grows_evenly_and_stays() -> None:
    """And no share exceeds 1."""
    course = Course(World(models={"v1": Nature(errors=0.4)}, errors=Change(start=10.0, length=10.0, factor=3.0)))

    assert [course.errors("v1", at) for at in (0.0, 10.0, 15.0, 99.0)] == pytest.approx([0.4, 0.4, 0.8, 1.0])
    assert Change(start=5.0, factor=2.0).at(6.0) == 2.0


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("accuracies", [(0.9, 0.8), (0.5, 1.0), (0.3, 0.2)])
def test_pairs_keep_both_accuracies(accuracies: tuple[float, float], alike: float) -> None:
    """However much two models stumble over the same requests."""
    both, ours, theirs, neither = chances(accuracies, alike)

    assert math.fsum((both, ours, theirs, neither)) == pytest.approx(1)
    assert (both + ours, both + theirs) == pytest.approx(accuracies)
    assert min(both, ours, theirs, neither) >= -1e-12


def test_each_label_comes_once_and_late() -> None:
    """Spread over time, none lost, in cells that add up."""
    deck = Deck(Labels(share=0.5, delay=Spread(median=60.0, spread=2.0)), (0.9, 0.8))
    deck.deal(rng(), 10_000, 25, 0.0)
    at_once, seen = deck.open(0.0), []
    deck.settle()
    for now in (30.0, 60.0, 120.0, 1e9):
        seen.append(deck.open(now))
        deck.settle()

    assert (at_once.pairs, at_once.unpaired, at_once.labelled) == (10_000, 25, 0)
    assert all(pairs.pairs == 0 for pairs in seen)
    assert sum(pairs.labelled for pairs in seen) == pytest.approx(5000, rel=0.05)
    assert seen[0].labelled < sum(pairs.labelled for pairs in seen[:3]) < sum(pairs.labelled for pairs in seen)
    for pairs in seen:
        assert sum(cell.count for cell in pairs.cells) == pairs.labelled
        only_live = sum(cell.count for cell in pairs.cells if cell.live == cell.truth != cell.challenger)
        assert only_live == pairs.right[0]


def test_what_is_not_settled_is_told_again() -> None:
    """A look that nobody recorded loses nothing."""
    deck = Deck(Labels(), (0.9, 0.9))
    deck.deal(rng(), 100, 0, 0.0)

    assert deck.open(0.0) == deck.open(1.0)
    assert deck.open(1.0).labelled == 100
