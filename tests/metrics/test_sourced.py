"""Outside numbers as cohorts: every unit once, resets and gaps cost nothing but time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mlship.clock import ManualClock
from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Totals
from mlship.metrics.rewards import Asked, Reward
from mlship.metrics.sourced import SourcedNumbers
from mlship.plan.outcome import Kind, Metric

RATE = Metric(name="sales", source="sql", within=10.0)
MEAN = Metric(name="euros", source="sql", kind=Kind.MEAN, within=10.0)
ASKED = Asked(arms=("v1", "v2"), since=1000.0)


class Table:
    """A source whose totals are written down: (arm, until) → totals."""

    def __init__(self, told: Mapping[tuple[str, float], Totals | None]) -> None:
        self.told = dict(told)
        self.broken = False

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        assert since == ASKED.since
        if self.broken:
            raise UsageError("two series", hint="name one")
        return self.told.get((model, until), Totals() if until == since else None)

    def value(self, model: str, since: float, until: float) -> float | None:
        return until - since if model == "v2" else None

    def ping(self) -> None:
        return


def numbers(table: Table, clock: ManualClock) -> SourcedNumbers:
    return SourcedNumbers(open_source=lambda _: table, clock=clock)


def at(now: float) -> ManualClock:
    return ManualClock(now)


def totals(count: int, good: float, square: float | None = None) -> Totals:
    return Totals(count=count, sum=good, square=good if square is None else square)


def test_differences_of_totals_are_cohorts() -> None:
    """What came between two marks, by arm; the same mark is told the same again."""
    table = Table(
        {
            ("v1", 1010.0): totals(100, 10), ("v2", 1010.0): totals(90, 12),
            ("v1", 1030.0): totals(300, 33), ("v2", 1030.0): totals(280, 40),
        }
    )  # fmt: skip
    first, mark = numbers(table, at(1020.0)).rewards(RATE, ASKED, "")
    second, _ = numbers(table, at(1040.0)).rewards(RATE, ASKED, mark)
    again, _ = numbers(table, at(1040.0)).rewards(RATE, ASKED, mark)

    assert (first.start, first.end) == (1000.0, 1010.0)
    assert first.arms["v2"] == Reward(units=90, sum=12, square=12, reported=12)
    assert (second.start, second.end) == (1010.0, 1030.0)
    assert second.arms["v1"] == Reward(units=200, sum=23, square=23, reported=23)
    assert again == second


def test_a_cohort_ends_where_the_weights_change() -> None:
    """No cohort spans a change of the routing."""
    table = Table({("v1", 1015.0): totals(1, 0), ("v2", 1015.0): totals(1, 0)})
    asked = Asked(arms=ASKED.arms, since=ASKED.since, changes=(1015.0,))

    assert numbers(table, at(1100.0)).rewards(RATE, asked, "")[0].end == 1015.0


def test_a_reset_and_a_gap() -> None:
    """A counter that fell brings nothing and begins anew; an arm without data loses nothing."""
    table = Table(
        {
            ("v1", 1010.0): totals(100, 10), ("v2", 1010.0): totals(100, 10),
            ("v1", 1020.0): totals(5, 1), ("v2", 1020.0): None,
            ("v1", 1030.0): totals(25, 4), ("v2", 1030.0): totals(160, 15),
        }
    )  # fmt: skip
    _, mark = numbers(table, at(1020.0)).rewards(RATE, ASKED, "")
    reset, mark = numbers(table, at(1030.0)).rewards(RATE, ASKED, mark)
    after, _ = numbers(table, at(1040.0)).rewards(RATE, ASKED, mark)

    assert (reset.arms["v1"].units, reset.arms["v2"].units) == (0, 0)
    assert (after.arms["v1"].units, after.arms["v2"].units) == (20, 60)


def test_outcomes_that_come_before_their_units_wait() -> None:
    """A rate is never above 1: what is too much is counted with the next cohort."""
    table = Table(
        {
            ("v1", 1010.0): totals(10, 10), ("v2", 1010.0): totals(10, 0),
            ("v1", 1020.0): totals(12, 16), ("v2", 1020.0): totals(20, 0),
            ("v1", 1030.0): totals(20, 17), ("v2", 1030.0): totals(30, 0),
        }
    )  # fmt: skip
    sums, mark = [], ""
    for now in (1020.0, 1030.0, 1040.0):
        cohort, mark = numbers(table, at(now)).rewards(RATE, ASKED, mark)
        sums.append((cohort.arms["v1"].units, cohort.arms["v1"].sum))

    assert sums == [(10, 10), (2, 2), (8, 5)]


def test_means_keep_their_squares() -> None:
    """Numeric outcomes are sums and sums of squares; a sum may fall."""
    table = Table({("v1", 1010.0): totals(10, -5.0, 40.0), ("v2", 1010.0): totals(10, 7.5, 60.0)})
    cohort, _ = numbers(table, at(1020.0)).rewards(MEAN, ASKED, "")

    assert cohort.arms["v1"] == Reward(units=10, sum=-5.0, square=40.0, reported=10)


def test_nothing_to_count_yet() -> None:
    """Before anybody's time is over there is no cohort, and the mark stays."""
    cohort, mark = numbers(Table({}), at(1005.0)).rewards(RATE, ASKED, "")

    assert (cohort.start, cohort.end, dict(cohort.arms)) == (1000.0, 1000.0, {})
    assert numbers(Table({}), at(1006.0)).rewards(RATE, ASKED, mark)[1] == mark


def test_no_data_at_all_and_a_query_that_broke_are_out_of_reach() -> None:
    """Both hold the traffic; neither rolls anything back."""
    table = Table({})
    with pytest.raises(OutOfReach, match="sales: the sql has no data of any arm"):
        numbers(table, at(1020.0)).rewards(RATE, ASKED, "")
    table.broken = True

    with pytest.raises(OutOfReach, match="two series"):
        numbers(table, at(1020.0)).rewards(RATE, ASKED, "")


def test_single_values() -> None:
    """From a moment until now, model by model."""
    source = numbers(Table({}), at(1020.0))

    assert source.value(RATE, "v2", 1010.0) == 10.0
    assert source.value(RATE, "v1", 1010.0) is None
