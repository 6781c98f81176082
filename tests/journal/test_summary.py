"""Many simulated rollouts in a few numbers, checked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.journal.status import Status
from mlship.journal.summary import Range, bins, chance, decisions, effects, endings, range_of, regrets, shares
from mlship.journal.trial import Estimate, Trial


def trial(status: Status = Status.PROMOTED, seconds: float = 60.0, **changes: Any) -> Trial:
    """One rollout."""
    standard: dict[str, Any] = {
        "number": 0, "stage": "canary", "step": "5 %", "by": "no-more-errors", "failed": False, "model": "v2",
        "requests": 1000, "tried": 50, "bad": 0.5,
    }  # fmt: skip
    return Trial(status=status, seconds=seconds, **standard | changes)


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (81, 263, 0.25525, 0.36617)],
)
def test_intervals_are_wilsons(count: int, runs: int, low: float, high: float) -> None:
    """Values as tables have them (the last from Newcombe, 1998)."""
    found = chance(count, runs)

    assert (found.count, found.runs, found.share) == (count, runs, count / runs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-4)


@pytest.mark.parametrize(
    ("values", "expected"), [([5.0], (5, 5, 5)), (range(1, 11), (1, 5, 9)), (range(100, 0, -1), (10, 50, 90))]
)
def test_quantiles_are_values_that_occurred(values: Any, expected: tuple[float, float, float]) -> None:
    """By nearest rank, whatever the order."""
    found = range_of(values)

    assert (found.p10, found.median, found.p90) == expected


def test_the_usual_endings_are_always_told() -> None:
    """Others where they happened; what nobody reached has no figures."""
    told = endings([trial(), trial(Status.ROLLED_BACK, 30.0), trial(Status.ROLLBACK_INCOMPLETE)])

    assert [(each.status, each.chance.count) for each in told] == [
        (Status.PROMOTED, 1), (Status.ROLLED_BACK, 1), (Status.PARKED, 0), (Status.ROLLBACK_INCOMPLETE, 1),
    ]  # fmt: skip
    assert told[1].seconds == Range(p10=30.0, median=30.0, p90=30.0)
    assert told[2].seconds is None


def test_places_of_decision_come_by_frequency() -> None:
    """With the gate that decided."""
    found = decisions([trial(), trial(Status.ROLLED_BACK, by="ceiling"), trial(Status.ROLLED_BACK, by="ceiling")])

    assert [(each.status, each.by, each.count) for each in found] == [
        (Status.ROLLED_BACK, "ceiling", 2), (Status.PROMOTED, "no-more-errors", 1),
    ]  # fmt: skip


def test_bins_cover_all_times_and_lose_none() -> None:
    """Ten of the same width, or one where all are the same."""
    found = bins([trial(seconds=float(second)) for second in range(1, 101)])

    assert (len(found), found[0].start, found[-1].end) == (10, 1.0, 100.0)
    assert [each.counts[Status.PROMOTED] for each in found] == [10, 10, 10, 9, 10, 10, 9, 10, 10, 12]
    assert [each.counts for each in bins([trial(), trial(Status.PARKED)])] == [{"promoted": 1, "parked": 1}]


def test_one_slow_rollout_squeezes_nothing() -> None:
    """The last bin is as long as it needs."""
    found = bins([*(trial(seconds=float(second)) for second in range(100)), trial(seconds=9e9)])

    assert found[0].end == pytest.approx(9.8)
    assert (found[-1].end, found[-1].counts) == (9e9, {"promoted": 12})
    assert sum(each.counts[Status.PROMOTED] for each in found) == 101


def test_effects_stand_beside_the_truth() -> None:
    """An interval that does not hold it counts against the test; goals that nobody spoke of are left out."""
    said = [Estimate(measure="gain", value=value, interval=(value - 1, value + 1)) for value in (0.0, 1.0, 5.0)]
    found = effects([trial(estimates={"goal": each}) for each in said], {"goal": 1.0, "other": 0.0})

    assert list(found) == ["goal"]
    assert (found["goal"].estimate.median, found["goal"].truth) == (1.0, 1.0)
    assert found["goal"].covered is not None
    assert found["goal"].covered.count == 2


def test_bandits_tell_shares_and_losses() -> None:
    """An arm that was taken out has no share; a rollout without a bandit has neither."""
    raced = [trial(weights={"v1": 5000, "v2": 5000}, regret=3.0), trial(weights={"v2": 10_000}, regret=1.0)]

    assert shares(raced)["v1"] == Range(p10=0.0, median=0.0, p90=0.5)
    assert regrets(raced) == Range(p10=1.0, median=1.0, p90=3.0)
    assert (shares([trial()]), regrets([trial()])) == ({}, None)
